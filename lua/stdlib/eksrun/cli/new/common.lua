--- What all kinds of projects begin with; $NAME is the project's name.
return {
  [".gitignore"] = [[
# State of sandboxes, and what is written beside it; saved plans; pages of runs.
*.sandbox.json
*.sandbox.json.*
*.plan
/report.html
]],

  [".github/workflows/test.yml"] = [[
# The tests need no account, no credentials and no network: they run on eksrun's sandbox.
name: test
on: [push, pull_request]
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      # Install eksrun here: it is one binary, and has to be on the PATH.
      - run: eksrun test --output junit > junit.xml
      - uses: actions/upload-artifact@v4
        if: always()
        with: { name: junit, path: junit.xml }
]],
}
