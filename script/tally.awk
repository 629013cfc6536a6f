# Reads ctest's LastTest.log files, prints why cases were skipped and the total of single cases:
# "N passed, N failed, N skipped". A test that prints no totals of its own counts as one case; one
# that ends badly without a failed case counts as one failed.
function settle() {
  if (test == "") return
  if (nothing) skipped += 1
  else if (verdict == "passed") { passed += p + s + f > 0 ? p : 1; skipped += s }
  else { passed += p; skipped += s; failed += f > 0 ? f : 1 }
  test = ""
}
/^[0-9]+\/[0-9]+ Testing: / { settle(); test = $3; verdict = "failed"; p = f = s = nothing = 0 }
/^\[  PASSED  \] [0-9]+ test/ { p = $4 }             # cmocka
/^\[  FAILED  \] [0-9]+ test/ { f = $4 }
/^\[  SKIPPED \] [0-9]+ test/ { s = $4 }
/^[0-9]+ passed, [0-9]+ failed, [0-9]+ pending$/ { p = $1; f = $3; s = $5 }        # tests/spec/run.lua
/^=*[ ]?([0-9]+ [a-z]+, )*[0-9]+ [a-z]+ in [0-9.]+s/ {                             # pytest
  p = f = s = 0
  for (i = 1; i < NF; i++) {
    if ($(i + 1) ~ /^passed/) p = $i
    if ($(i + 1) ~ /^(failed|errors?)/) f += $i
    if ($(i + 1) ~ /^skipped/) s = $i
  }
}
/^[a-z0-9-]+: [0-9]+\/[0-9]+(, [0-9]+ skipped)?$/ {                                # conformance
  split($2, n, "/"); p += n[1]; f += n[2] - n[1]; if (NF > 2) s += $3
}
/^SKIPPED conformance: no data/ { nothing = 1 }       # ctest logs what it skips as passed
/^ *SKIPPED / {                                                      # "SKIPPED <case>: <reason>"
  sub(/^ *SKIPPED (\[[0-9]+\] )?/, "")
  sub(/^[^ ]+:[0-9]+: |^[^:]*: /, "")
  why[$0]++
}
/^Test Passed\.$/ { verdict = "passed" }
/^Test Failed\.$/ { verdict = "failed" }
END {
  settle()
  sorted = "sort -k 2 -rn"
  for (reason in why) printf "  skipped %d: %s\n", why[reason], reason | sorted
  close(sorted)
  printf "%d passed, %d failed", passed, failed
  if (skipped > 0) printf ", %d skipped", skipped
  printf "\n"
  exit failed > 0
}
