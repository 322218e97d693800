// SPDX-License-Identifier: GPL-3.0-or-later
import ArgumentParser
import EncryptedStore
import Foundation

/// A load and random reads of one side only, for a profiler to watch.
struct Probe: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "probe", abstract: "Loads and reads one store, encrypted or not, for a profiler.")

  @Flag(help: "A store in plaintext.") var plain = false
  @Option(help: "Rows of 1 KiB.") var rows = 100_000
  @Option(help: "Random reads.") var reads = 500_000
  @Option(help: "MiB of cache, much less than the data.") var cache = 16
  @Option(help: "Compression of the pages: snappy or none.") var compression = Pages.snappy
  @Option(help: "Folder for the data.") var folder = FileManager.default.temporaryDirectory.path

  func run() throws {
    let store = try BenchStore(
      encrypted: !plain, cacheBytes: cache << 20, compression: compression.compression, in: folder)
    let made = Rows()
    describe("load", try Cost.of { try store.load(made, count: rows) }, rows)
    if reads == 0 { return }
    try store.reopen()
    try store.read(cache << 10, of: rows, turn: 0)
    describe("read", try Cost.of { try store.read(reads, of: rows, turn: 1) }, reads)
  }

  private func describe(_ what: String, _ cost: Cost, _ times: Int) {
    let wall = String(format: "%.2f", cost.wall * 1e6 / Double(times))
    let processor = String(format: "%.2f", cost.processor * 1e6 / Double(times))
    report("\(what), one row: \(wall) us by the clock, \(processor) us of processor time")
  }
}
