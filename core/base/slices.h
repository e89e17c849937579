// Slices of CPU time. A thread that only hands work around should not stand behind one that
// computes: where both are ready, the kernel lets a thread run until its slice is used up, which
// takes milliseconds, unless the one that wakes has a shorter slice.
//
// Source: EEVDF, "Earliest Eligible Virtual Deadline First" (Stoica, Abdel-Wahab 1995), as Linux
// has it since 6.6, with slices of a thread's own since 6.12.
#pragma once

namespace spillgate {

// The calling thread gets slices of 0.1 ms, by which it may interrupt others on its CPU sooner; it
// gets no more of the CPU than before. What it starts does not inherit that. Does nothing where the
// kernel cannot.
void AskForShortSlices();

}  // namespace spillgate
