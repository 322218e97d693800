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
  @Option(help: "Folder for the data.") var folder = FileManager.default.temporaryDirectory.path

  func run() throws {
    report("\(rows) rows of 1 KiB, scan to bulk cursor with checkpoint: to encrypted, to plaintext")
    let source = try BenchStore(encrypted: false, cacheBytes: cache << 20, compression: .none, in: folder)
    try source.load(Rows(), count: rows)
    _ = try measure(source, encrypted: false)
    var copies = Pairs("copy", unit: "MB/s")
    for _ in 0..<pairs {
      copies.add(subject: try measure(source, encrypted: true), peer: try measure(source, encrypted: false))
    }
    report(copies.line)
  }

  private func measure(_ source: BenchStore, encrypted: Bool) throws -> Double {
    let target = try BenchStore(encrypted: encrypted, cacheBytes: cache << 20, compression: .none, in: folder)
    try source.reopen()
    var bytes = 0
    let time = try seconds { bytes = try source.copy(into: target) }
    return Double(bytes) / 1e6 / time
  }
}
