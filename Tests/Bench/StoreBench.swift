// SPDX-License-Identifier: GPL-3.0-or-later
import ArgumentParser
import EncryptedStore
import Foundation

/// An encrypted store against one in plaintext.
struct StoreBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "store", abstract: "Bulk load and random reads, encrypted against plaintext.")

  @Option(help: "Interleaved pairs.") var pairs = 5
  @Option(help: "Rows of 1 KiB.") var rows = 300_000
  @Option(help: "Random reads.") var reads = 200_000
  @Option(help: "MiB of cache, much less than the data.") var cache = 50
  @Option(help: "KiB of a leaf page.") var leaf = 8
  @Option(help: "Folder for the data.") var folder = FileManager.default.temporaryDirectory.path
  @Option(help: "Compression of the pages on both sides; both are measured unless one is chosen.")
  var compression: Pages?

  func run() throws {
    for pages in compression.map({ [$0] }) ?? Pages.allCases { try measure(pages.compression) }
  }

  private func measure(_ compression: Compression) throws {
    report(
      "Stores of \(rows) rows of 1 KiB, \(cache) MiB cache, leaf pages of \(leaf) KiB, compression \(compression):")
    report("encrypted, and in plaintext.")
    report(Pairs.heading("encrypted", "plain"))
    for load in Load.allCases {
      var loads = Pairs(load.name, work: Double(rows * Rows.valueBytes) / 1e6, unit: "MB/s")
      var points = Pairs("  then point reads", work: Double(reads) / 1e3, unit: "1000/s")
      // The first pair warms the machine up.
      for pair in 0...pairs {
        let (encrypted, plain) = (try makeStore(true, compression), try makeStore(false, compression))
        let cost = try fill(encrypted, plain, load)
        if pair > 0 { loads.add(subject: cost.subject, peer: cost.peer) }
        try read(encrypted, plain, pair, &points)
      }
      report(loads.line)
      report(points.line)
    }
  }

  private func makeStore(_ encrypted: Bool, _ compression: Compression) throws -> BenchStore {
    try BenchStore(
      encrypted: encrypted, cacheBytes: cache << 20, compression: compression, leafKiB: leaf, in: folder)
  }

  /// Fills both stores in short turns; the checkpoints at the end come one after the other.
  private func fill(
    _ subject: BenchStore, _ peer: BenchStore, _ load: Load
  ) throws -> (subject: Cost, peer: Cost) {
    let made = Rows()
    let portion = 4_000
    var costs = (subject: Cost(), peer: Cost())
    for start in stride(from: 0, to: rows, by: portion) {
      let portion = start..<min(start + portion, rows)
      costs.subject += try Cost.of { try load.run(subject, made, portion) }
      costs.peer += try Cost.of { try load.run(peer, made, portion) }
    }
    costs.subject += try Cost.of { try subject.finishLoad() }
    costs.peer += try Cost.of { try peer.finishLoad() }
    return costs
  }

  /// Reads rows at random out of a cache that was filled by reading.
  private func read(_ subject: BenchStore, _ peer: BenchStore, _ pair: Int, _ points: inout Pairs) throws {
    for store in [subject, peer] {
      try store.reopen()
      try store.read(cache << 10, of: rows, turn: 1_000 + pair)
    }
    if pair == 0 { return }
    let turns = 50
    try points.addInTurns(turns) {
      try subject.read(reads / turns, of: rows, turn: $0)
    } peer: {
      try peer.read(reads / turns, of: rows, turn: $0)
    }
  }
}

/// How rows come into a store: it decides how full their pages are.
private enum Load: CaseIterable {
  case bulk, inserts

  var name: String { self == .bulk ? "bulk load" : "inserts, 100 a time" }

  func run(_ store: BenchStore, _ made: Rows, _ rows: Range<Int>) throws {
    switch self {
    case .bulk: try store.load(made, rows)
    case .inserts: try store.insert(made, rows)
    }
  }
}

/// The compression of both sides' pages, as an argument.
enum Pages: String, ExpressibleByArgument, CaseIterable {
  case snappy, none

  var compression: Compression { self == .snappy ? .snappy : .none }
}
