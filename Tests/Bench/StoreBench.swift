// SPDX-License-Identifier: GPL-3.0-or-later
import ArgumentParser
import EncryptedStore
import Foundation

/// An encrypted store against one in plaintext.
struct StoreBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "store", abstract: "Bulk load and random reads, encrypted against plaintext.")

  @Option(help: "Interleaved pairs.") var pairs = 5
  @Option(help: "Rows of 1 KiB.") var rows = 200_000
  @Option(help: "Random reads.") var reads = 100_000
  @Option(help: "MiB of cache, much less than the data.") var cache = 32
  @Option(help: "KiB of a leaf page.") var leaf = 8
  @Option(help: "Folder for the data.") var folder = FileManager.default.temporaryDirectory.path
  @Flag(help: "Compress with snappy.") var snappy = false

  func run() throws {
    report("\(rows) rows of 1 KiB, \(cache) MiB cache, \(leaf) KiB leaves: encrypted, plaintext")
    let made = Rows()
    var loads = Pairs("bulk load", unit: "MB/s")
    var points = Pairs("random point read", unit: "1000/s")
    var efforts = Pairs("  per processor second", unit: "1000/s")
    // The first pair warms the machine up.
    for pair in 0...pairs {
      let encrypted = try makeStore(encrypted: true)
      let plain = try makeStore(encrypted: false)
      let encryptedLoad = { try seconds { try encrypted.load(made, count: rows) } }
      let (one, two): (Double, Double)
      if pair.isMultiple(of: 2) {
        one = try encryptedLoad()
        two = try seconds { try plain.load(made, count: rows) }
      } else {
        two = try seconds { try plain.load(made, count: rows) }
        one = try encryptedLoad()
      }
      let times = try readInTurns(encrypted, plain)
      if pair == 0 { continue }
      loads.add(subject: loadRate(one), peer: loadRate(two))
      points.add(subject: readRate(times.wall.subject), peer: readRate(times.wall.peer))
      efforts.add(subject: readRate(times.processor.subject), peer: readRate(times.processor.peer))
    }
    report(loads.line)
    report(points.line)
    report(efforts.line)
  }

  private func makeStore(encrypted: Bool) throws -> BenchStore {
    try BenchStore(
      encrypted: encrypted, cacheBytes: cache << 20, compression: snappy ? .snappy : .none, leafKiB: leaf, in: folder)
  }

  private func loadRate(_ time: Double) -> Double { Double(rows * Rows.valueBytes) / 1e6 / time }

  private func readRate(_ time: Double) -> Double { Double(reads) / 1e3 / time }

  private typealias Times = (subject: Double, peer: Double)

  /// Reads from both in short turns, because other work on the machine comes and goes; returns the seconds of each.
  private func readInTurns(_ subject: BenchStore, _ peer: BenchStore) throws -> (wall: Times, processor: Times) {
    let turns = 25
    try subject.reopen()
    try peer.reopen()
    for store in [subject, peer] { try store.read(cache << 10, of: rows, turn: turns) }
    var wall: Times = (0, 0)
    var processor: Times = (0, 0)
    for turn in 0..<turns {
      processor.subject += try processorSeconds {
        wall.subject += try seconds { try subject.read(reads / turns, of: rows, turn: turn) }
      }
      processor.peer += try processorSeconds {
        wall.peer += try seconds { try peer.read(reads / turns, of: rows, turn: turn) }
      }
    }
    return (wall, processor)
  }
}
