// SPDX-License-Identifier: GPL-3.0-or-later
import ArgumentParser
import EncryptedStore
import Foundation

/// Copying a table into an encrypted store against copying it into one in plaintext.
struct CopyBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "copy", abstract: "Table copies, plaintext to encrypted against plaintext to plaintext.")

  @Option(help: "Interleaved pairs.") var pairs = 5
  @Option(help: "Rows of 1 KiB.") var rows = 200_000
  @Option(help: "MiB of cache.") var cache = 64
  @Option(help: "Compression of the pages on both sides: snappy or none.") var compression = Pages.snappy
  @Option(help: "Folder for the data.") var folder = FileManager.default.temporaryDirectory.path

  func run() throws {
    report("Copies of \(rows) rows of 1 KiB by bulk load, \(cache) MiB cache, compression \(compression):")
    report("out of a store in plaintext into an encrypted one, and into another in plaintext.")
    report(Pairs.heading("encrypted", "plain"))
    let source = try makeStore(encrypted: false)
    try source.load(Rows(), count: rows)
    _ = try copy(from: source, encrypted: false)
    var copies = Pairs("copy", work: Double(rows * (Rows.valueBytes + Rows.keyBytes)) / 1e6, unit: "MB/s")
    for pair in 0..<pairs {
      let first = try copy(from: source, encrypted: pair.isMultiple(of: 2))
      let second = try copy(from: source, encrypted: !pair.isMultiple(of: 2))
      copies.add(subject: pair.isMultiple(of: 2) ? first : second, peer: pair.isMultiple(of: 2) ? second : first)
    }
    report(copies.line)
  }

  private func copy(from source: BenchStore, encrypted: Bool) throws -> Cost {
    let target = try makeStore(encrypted: encrypted)
    try source.reopen()
    return try Cost.of { try source.copy(into: target) }
  }

  private func makeStore(encrypted: Bool) throws -> BenchStore {
    try BenchStore(encrypted: encrypted, cacheBytes: cache << 20, compression: compression.compression, in: folder)
  }
}
