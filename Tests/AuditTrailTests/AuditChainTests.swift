// SPDX-License-Identifier: GPL-3.0-or-later
import AuditTrail
import ClusterModel
import Testing

@Suite("The chain of the audit record")
struct AuditChainTests {
  static func entry(_ number: Int, requestID: String? = nil) -> AuditEntry {
    AuditEntry(
      at: OperatorTime(milliseconds: 1_790_000_000_000 + Int64(number)), by: .node(NodeName(checked: "node-a")),
      action: "kms unwrap", subject: "key \(number)", detail: "valid", requestID: requestID)
  }

  static func chain(_ count: Int) throws -> [AuditLink] {
    var head = AuditHead.empty
    return try (1...count).map { number in
      let link = try AuditChain.link(entry(number, requestID: number % 2 == 0 ? "r\(number)" : nil), after: head)
      head = link.head
      return link
    }
  }

  @Test("has the hashes that its description gives, computed by another program")
  func knownAnswers() throws {
    let links = try Self.chain(2)
    #expect(
      links.map(\.hash.description) == [
        "92632a13c6e63c3292e6b71d23a2b5ba6cf8a0271c710d5fad84af919e09170d",
        "7175ad32b43c4dbe7c36370370db5587970878885029886d51dfec795f60e2be",
      ])
  }

  @Test("is sound as it was written, as a whole and in parts")
  func sound() throws {
    let links = try Self.chain(20)
    #expect(try AuditChain.check(links, after: .empty) == links.last?.head)
    #expect(try AuditChain.check(links[7...], after: links[6].head) == links.last?.head)
    #expect(try AuditChain.check([], after: links[3].head) == links[3].head)
  }

  @Test("shows every change of one character, in every part of every entry")
  func changes() throws {
    let links = try Self.chain(6)
    for index in links.indices {
      for change in Self.changes {
        var forged = links
        change(&forged[index].entry)
        #expect(throws: AuditError.self) { try AuditChain.check(forged, after: .empty) }
        do { _ = try AuditChain.check(forged, after: .empty) } catch {
          #expect(error.sequence == forged[index].sequence)
        }
      }
    }
  }

  static let changes: [@Sendable (inout AuditEntry) -> Void] = [
    { $0.at = OperatorTime(milliseconds: $0.at.milliseconds + 1) },
    { $0.by = .coordinator },
    { $0.action += "x" },
    { $0.subject.removeLast() },
    { $0.detail = "invalid" },
    { $0.requestID = ($0.requestID ?? "") + "1" },
    { $0.requestID = $0.requestID == nil ? "" : nil },
    {
      // The same characters, cut elsewhere.
      let moved = $0.action.removeLast()
      $0.subject = "\(moved)\($0.subject)"
    },
  ]

  @Test("shows an entry that is left out, doubled, moved, or chained anew by somebody who does not hold the end")
  func orders() throws {
    let links = try Self.chain(6)
    let without = links[..<2] + links[3...]
    let doubled = links[...2] + links[2...]
    let swapped = [links[1], links[0]] + links[2...]
    for forged in [Array(without), Array(doubled), Array(swapped)] {
      #expect(throws: AuditError.self) { try AuditChain.check(forged, after: .empty) }
    }
    // A rewritten chain is sound in itself; it ends elsewhere, which is what nodes are told.
    var head = links[2].head
    let rewritten = try (4...6).map { number in
      let link = try AuditChain.link(Self.entry(number, requestID: "forged"), after: head)
      head = link.head
      return link
    }
    #expect(try AuditChain.check(links[...2] + rewritten, after: .empty) != links.last?.head)
  }

  @Test("reads hashes and parties back from their texts, and nothing else")
  func texts() throws {
    let hash = try Self.chain(1)[0].hash
    #expect(AuditHash(text: hash.description) == hash)
    for text in ["", "00", hash.description.uppercased(), hash.description + "0", String(repeating: "é", count: 64)] {
      #expect(AuditHash(text: text) == nil)
    }
    #expect(AuditHash([1]) == nil)
    for party in [AuditParty.coordinator, .node(NodeName(checked: "a")), .operatorKey(OperatorName(checked: "b"))] {
      #expect(try AuditParty(party.description) == party)
    }
    for text in ["", "node", "node ", "coordinator x", "nobody a"] {
      #expect(throws: ModelError.self) { try AuditParty(text) }
    }
  }
}
