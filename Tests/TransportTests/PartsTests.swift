// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Foundation
import Messages
import Secrets
import Testing

@testable import Transport

@Suite("The parts of the transport keep their rules")
struct PartsTests {
  private func folder() throws -> URL {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    return folder
  }

  @Test("draws different key pairs and finds the public key of a secret one again")
  func identity() throws {
    let first = try CurveIdentity.generate()
    #expect(try CurveIdentity.generate().publicKey != first.publicKey)
    let text = try SecretBytes(copying: Array(first.secretKeyText().unprotectedCopy().dropLast()))
    let again = try CurveIdentity(secretKeyText: text)
    #expect(again.publicKey == first.publicKey)
    #expect(again.secretKey.isEqual(to: first.secretKey))
  }

  @Test("agrees with the specification's example of Z85 (ZeroMQ RFC 32)")
  func z85() throws {
    let bytes: [UInt8] = [
      0x8E, 0x0B, 0xDD, 0x69, 0x76, 0x28, 0xB9, 0x1D, 0x8F, 0x24, 0x55, 0x87, 0xEE, 0x95, 0xC5, 0xB0, 0x4D, 0x48, 0x96,
      0x3F, 0x79, 0x25, 0x98, 0x77, 0xB4, 0x9C, 0xD9, 0x06, 0x3A, 0xEA, 0xD3, 0xB7,
    ]
    #expect(CurvePublicKey(raw: bytes)?.text == "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6")
    #expect(CurvePublicKey(raw: Array(bytes.dropLast())) == nil)
  }

  @Test(
    "refuses texts that are no key",
    arguments: [
      "", "abc", String(repeating: "~", count: 40), String(repeating: "#", count: 40),
      String(repeating: "0", count: 41),
    ])
  func invalidKey(_ text: String) { #expect(throws: TransportError.self) { try CurvePublicKey(text) } }

  @Test("keeps a key pair in a file of its owner only, and never overwrites one")
  func keyFile() throws {
    let path = try folder().appendingPathComponent("node.key").path
    let identity = try CurveIdentity.generate()
    try identity.save(to: path)
    let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    #expect(try CurveIdentity.load(from: path).publicKey == identity.publicKey)
    #expect(throws: TransportError.self) { try identity.save(to: path) }
  }

  @Test("refuses a key file that others may read, and one that holds something else")
  func badKeyFile() throws {
    let folder = try folder()
    let path = folder.appendingPathComponent("open.key").path
    try CurveIdentity.generate().save(to: path)
    try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: path)
    #expect(throws: TransportError.self) { try CurveIdentity.load(from: path) }
    let other = folder.appendingPathComponent("other.key").path
    try #require(
      FileManager.default.createFile(
        atPath: other, contents: Data("not a key".utf8), attributes: [.posixPermissions: 0o600]))
    #expect(throws: TransportError.self) { try CurveIdentity.load(from: other) }
    #expect(throws: TransportError.self) { try CurveIdentity.load(from: folder.appendingPathComponent("none").path) }
  }

  @Test("reads back every peer's text, and nothing else")
  func peers() {
    let peers: [PeerIdentity] = [
      .node(Stage.node), .operator(OperatorName(checked: "anna")), .coordinator,
    ]
    for peer in peers { #expect(PeerIdentity(text: peer.text) == peer) }
    for text in ["", "node:", "node:a b", "operator:-", "coordinator:x", "nodes:a"] {
      #expect(PeerIdentity(text: text) == nil)
    }
  }

  @Test("checks where a link is to go")
  func targets() throws {
    let key = try CurveIdentity.generate().publicKey
    for good in ["127.0.0.1:7440", "db.example.com:1", "[::1]:7440"] {
      #expect(throws: Never.self) { try LinkTarget(good, serverKey: key) }
    }
    for bad in ["", "host", "host:", ":1", "host:0", "host:65536", "::1:7440", "a/b:1", "a b:1", "h;e:1", "h:1:x"] {
      #expect(throws: TransportError.self) { try LinkTarget(bad, serverKey: key) }
    }
    #expect(try LinkTarget("h:1", serverKey: key).address == "tcp://h:1")
    #expect(try LinkTarget("h:1", from: "192.0.2.7", serverKey: key).address == "tcp://192.0.2.7:0;h:1")
    #expect(try LinkTarget("h:1", from: "[::1]", serverKey: key).address == "tcp://[::1]:0;h:1")
    for bad in ["", "host", "192.0.2.7:1", "::1", "1;2", "1/2", String(repeating: "1", count: 48)] {
      #expect(throws: TransportError.self) { try LinkTarget("h:1", from: bad, serverKey: key) }
    }
  }

  @Test("refuses to queue more than the limits, for one peer and in all, and gives room back")
  func queueLimits() throws {
    var limits = TransportLimits.control
    limits.queuedMessagesPerPeer = 2
    limits.queuedMessages = 3
    limits.queuedBytes = 1_000
    let queue = OutboundQueue(limits: limits, wake: WakeSignal(), gate: .open)
    let (first, second) = (Route(routingID: [1]), Route(routingID: [2]))
    _ = try queue.submit(Stage.heartbeat(1), payload: [], to: first)
    _ = try queue.submit(Stage.heartbeat(2), payload: [], to: first)
    #expect(throws: TransportError.self) { try queue.submit(Stage.heartbeat(3), payload: [], to: first) }
    _ = try queue.submit(Stage.heartbeat(4), payload: [], to: second)
    #expect(throws: TransportError.self) { try queue.submit(Stage.heartbeat(5), payload: [], to: second) }
    #expect(queue.refused == 2)
    for outgoing in queue.takeFresh() { queue.release(outgoing) }
    // One message may exceed the bytes of the queue, but only alone.
    _ = try queue.submit(Stage.heartbeat(6), payload: [UInt8](repeating: 0, count: 2_000), to: first)
    #expect(throws: TransportError.self) { try queue.submit(Stage.heartbeat(7), payload: [], to: second) }
    let ids = queue.takeFresh().map(\.messageID)
    #expect(ids.count == 1)
    #expect(queue.takeFresh().isEmpty)
  }

  @Test("doubles its waits up to the maximum, jittered")
  func backOff() {
    var backOff = BackOff(minimumMilliseconds: 100, maximumMilliseconds: 1_000)
    let longest = (0..<6).map { _ in backOff.next { $0.upperBound } }
    #expect(longest == [100, 200, 400, 800, 1_000, 1_000].map { .milliseconds($0) })
    let jittered = backOff.next { $0.lowerBound }
    #expect(jittered == .milliseconds(500))
    backOff.reset()
    let anew = backOff.next { $0.lowerBound }
    #expect(anew == .milliseconds(50))
    var many = BackOff(minimumMilliseconds: .max, maximumMilliseconds: 0)
    for _ in 0..<100 { _ = many.next() }
  }

  @Test("lets one line of a kind through per minute, however many kinds there are")
  func rateLimit() {
    var limit = RateLimit()
    let start = ContinuousClock.now
    let allowed = [0, 59, 60, 61, 119, 120].map { limit.allows("a", now: start + .seconds($0)) }
    #expect(allowed == [true, false, true, false, false, true])
    let passed = (0..<(3 * RateLimit.maximumKinds)).filter { limit.allows("\($0)", now: start + .seconds(121)) }.count
    #expect(passed <= RateLimit.maximumKinds + 1)
    let later = limit.allows("new", now: start + .seconds(200))
    #expect(later)
  }

  @Test("keeps a queue's order through many rounds")
  func fifo() {
    var queue = FIFO<Int>()
    var (next, expected) = (0, 0)
    for round in 0..<5_000 {
      for _ in 0..<(round % 3 + 1) {
        queue.append(next)
        next += 1
      }
      let (first, popped) = (queue.first, queue.popFirst())
      #expect(first == expected && popped == expected)
      expected += 1
    }
    while let element = queue.popFirst() {
      #expect(element == expected)
      expected += 1
    }
    #expect(expected == next && queue.isEmpty && queue.first == nil)
  }

  @Test("counts refused handshakes, late rather than wrongly")
  func handshakes() {
    var tally = HandshakeTally()
    tally.onAccepted(5)
    tally.onAccepted(6)
    tally.onSucceeded()
    // 5 or 6 succeeded; nobody has spoken, so the end of 5 proves nothing.
    let early = tally.onDisconnected(5) { _ in false }
    #expect(early == 0)
    tally.onAccepted(7)
    let known = tally.onDisconnected(7) { $0 == 6 }
    #expect(known == 2)
    let again = tally.onDisconnected(6) { _ in false }
    #expect(again == 0)
  }

  @Test("knows which route is behind a descriptor, also when it is used again")
  func sessions() throws {
    let credential = Credential(key: try CurveIdentity.generate().publicKey, peer: .node(Stage.node))
    let (first, second) = (Route(routingID: [1]), Route(routingID: [2]))
    var sessions = Sessions()
    let displaced = [first, first, second].map { sessions.note($0, through: 7, credential: credential) }
    #expect(displaced == [nil, nil, first])
    #expect(sessions[first] == nil)
    #expect(sessions[second] == credential)
    let dropped = [sessions.drop(descriptor: 7), sessions.drop(descriptor: 7)]
    #expect(dropped == [second, nil])
    let again = sessions.drop(second)
    #expect(!again)
    #expect(Credential(userID: credential.userID) == credential)
    #expect(Credential(userID: "node:a") == nil)
  }
}
