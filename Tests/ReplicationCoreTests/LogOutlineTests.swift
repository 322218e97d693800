// SPDX-License-Identifier: GPL-3.0-or-later
import ReplicationCore
import Testing

@Suite("The outline of a log")
struct LogOutlineTests {
  @Test("knows every term, as a plain list of them would", arguments: 0..<60)
  func terms(_ seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    var log = LogOutline(base: seed % 2 == 0 ? .origin : at(1, 4))
    var list: [UInt64] = []
    let base = log.base
    for _ in 0..<60 {
      let term = max(log.last.term, 1) + (random.next() % 4 == 0 ? 1 : 0)
      try log.append(at(term, log.lastIndex + 1))
      list.append(term)
      #expect(log.last == at(term, base.index + UInt64(list.count)))
      for (offset, term) in list.enumerated() { #expect(log.term(at: base.index + 1 + UInt64(offset)) == term) }
      #expect(log.term(at: log.lastIndex + 1) == nil && log.term(at: base.index) == base.term)
    }
    #expect(try LogOutline(base: base, runs: log.runs, lastIndex: log.lastIndex) == log)
    #expect(log.runs.count <= 60)
  }

  @Test("refuses a gap, an older term and a term of zero")
  func refuses() throws {
    var log = LogOutline(base: at(3, 7))
    for position in [at(3, 7), at(3, 9), at(2, 8), at(0, 8), at(3, .max)] {
      #expect(throws: ReplicationError.self) { try log.append(position) }
    }
    try log.append(at(3, 8))
    #expect(log.last == at(3, 8))
  }
}
