// SPDX-License-Identifier: GPL-3.0-or-later
import ArgumentParser

/// Measures what encryption costs, always against the same work without it in the same run.
@main
struct Bench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keyfold-bench",
    abstract: "Measures what encryption costs; each figure is a median of interleaved pairs.",
    subcommands: [
      SealingBench.self, StoreBench.self, CopyBench.self, CommitBench.self, SyncBench.self, RotateBench.self,
      FleetBench.self,
      BareRouter.self, Probe.self,
    ])
}
