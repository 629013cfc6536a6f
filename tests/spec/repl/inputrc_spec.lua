local inputrc = require "eksrun.repl.inputrc"

describe("inputrc", function()
  it("decides the editing mode, as far as its conditions hold", function()
    assert.is_nil(inputrc.parse "")
    assert.equal("vi", inputrc.parse "# a comment\nset bell-style none\nset editing-mode vi\n")
    assert.equal("vi",
      inputrc.parse "$if eksrun\n  set editing-mode vi\n$else\nset editing-mode emacs\n$endif")
    assert.equal("emacs",
      inputrc.parse "$if Bash\nset editing-mode vi\n$else\nset editing-mode emacs\n$endif")
    assert.is_nil(inputrc.parse "$if Bash\n$if eksrun\nset editing-mode vi\n$endif\n$endif\n$endif\n$else")
    assert.equal("vi", inputrc.parse "set editing-mode vi\n$if mode=emacs\nset editing-mode emacs\n$endif")
  end)
end)
