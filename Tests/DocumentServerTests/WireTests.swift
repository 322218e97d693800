// SPDX-License-Identifier: GPL-3.0-or-later
import Documents
import Testing

@testable import DocumentServer

/// Messages as drivers send them, byte by byte.
enum Wire {
  static func int32(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }

  static func frame(opcode: Int = 2013, requestID: Int = 7, _ payload: [UInt8]) -> [UInt8] {
    int32(payload.count + 16) + int32(requestID) + int32(0) + int32(opcode) + payload
  }

  static func body(_ document: Document) -> [UInt8] { [0] + document.bytes }

  static func sequence(_ name: String, _ documents: [Document]) -> [UInt8] {
    let content = Array(name.utf8) + [0] + documents.flatMap(\.bytes)
    return [1] + int32(content.count + 4) + content
  }

  static func message(_ document: Document, flags: Int = 0, sequences: [UInt8] = []) -> [UInt8] {
    frame(int32(flags) + body(document) + sequences)
  }

  static func checksummed(_ document: Document) -> [UInt8] {
    let bytes = frame(int32(1) + body(document) + int32(0)).dropLast(4)
    return bytes + int32(Int(CRC32C.checksum(bytes)))
  }

  static func query(_ document: Document, collection: String = "admin.$cmd") -> [UInt8] {
    frame(opcode: 2004, int32(4) + Array(collection.utf8) + [0] + int32(0) + int32(-1) + document.bytes)
  }
}

@Suite("Messages are read exactly, hostile ones end the connection")
struct WireTests {
  static let ping: Document = ["ping": 1, "$db": "admin"]

  static func request(_ bytes: [UInt8]) throws -> CommandRequest? {
    if case .command(let request) = try MessageDecoder.decode(bytes).content { request } else { nil }
  }

  @Test("computes the published checksum of CRC-32C")
  func checksum() { #expect(CRC32C.checksum("123456789".utf8) == 0xE306_9283) }

  @Test("reads a body, document sequences in any order, and a checksum")
  func messages() throws {
    #expect(try WireTests.request(Wire.message(WireTests.ping))?.name == "ping")
    #expect(try WireTests.request(Wire.checksummed(WireTests.ping))?.database == "admin")
    let insert: Document = ["insert": "c", "$db": "d"]
    let sequence = Wire.sequence("documents", [["_id": 1], ["_id": 2]])
    let after = try WireTests.request(Wire.message(insert, sequences: sequence))
    let before = try WireTests.request(Wire.frame(Wire.int32(0) + sequence + Wire.body(insert)))
    #expect(after?.sequences.first?.documents == [["_id": 1], ["_id": 2]])
    #expect(before?.sequences.first?.name == "documents")
  }

  @Test("sees whether an answer is wanted, and leaves optional bits alone")
  func flags() throws {
    #expect(try MessageDecoder.decode(Wire.message(WireTests.ping)).wantsReply)
    #expect(try !MessageDecoder.decode(Wire.message(WireTests.ping, flags: 2)).wantsReply)
    #expect(try MessageDecoder.decode(Wire.message(WireTests.ping, flags: 1 << 16)).wantsReply)
    #expect(try MessageDecoder.decode(Wire.message(WireTests.ping, flags: 1 << 30)).wantsReply)
  }

  @Test("reads the handshake of old drivers, also wrapped")
  func legacy() throws {
    let plain = try MessageDecoder.decode(Wire.query(["isMaster": 1]))
    #expect(plain.form == .legacyQuery)
    #expect(try WireTests.request(Wire.query(["isMaster": 1]))?.isLegacy == true)
    #expect(try WireTests.request(Wire.query(["$query": ["ismaster": 1], "$readPreference": [:]]))?.name == "ismaster")
  }

  @Test("answers documents that are broken inside a good frame")
  func brokenDocuments() throws {
    let broken = Wire.frame(Wire.int32(0) + [0] + [12, 0, 0, 0, 99, 97, 0, 1, 0, 0, 0, 0])
    guard case .refused(let error) = try MessageDecoder.decode(broken).content else { throw WireError("accepted") }
    #expect(error.code == .invalidBSON)
    for document: Document in [[:], ["ping": 1], ["ping": 1, "$db": 5], ["ping": 1, "$db": "a.b"]] {
      guard case .refused = try MessageDecoder.decode(Wire.message(document)).content else {
        throw WireError("accepted")
      }
    }
    let twice = Wire.message(["insert": "c", "documents": [], "$db": "d"], sequences: Wire.sequence("documents", []))
    guard case .refused = try MessageDecoder.decode(twice).content else { throw WireError("accepted") }
  }

  @Test(
    "ends the connection on",
    arguments: [
      [], [1], Wire.int32(16), Wire.frame([]), Wire.frame(Wire.int32(0) + [0]), Wire.frame(Wire.int32(0) + [2]),
      Wire.frame(Wire.int32(0) + Wire.body(ping) + Wire.body(ping)), Wire.message(ping, flags: 4),
      Wire.message(ping, flags: 1 << 15), Wire.message(ping, flags: 1), Wire.frame(opcode: 2012, Wire.int32(0)),
      Wire.frame(opcode: 2002, []), Wire.frame(opcode: -1, []), Wire.frame(Wire.int32(0) + [1] + Wire.int32(-1)),
      Wire.frame(Wire.int32(0) + [1] + Wire.int32(100) + [97, 0]),
      Wire.frame(Wire.int32(0) + [1] + Wire.int32(6) + [97, 97]),
      Wire.frame(Wire.int32(0) + [1] + Wire.int32(8) + [97, 0, 5, 0]),
      Wire.frame(Wire.int32(0) + [0] + Wire.int32(-5) + [0]),
      Wire.frame(Wire.int32(0) + [0] + Wire.int32(1 << 30) + [0]), Wire.query(ping, collection: "shop.things"),
      Wire.frame(opcode: 2004, Wire.int32(0) + [97, 97]), Wire.checksummed(ping).dropLast(1) + [0xAA],
    ] as [[UInt8]])
  func hostile(_ bytes: [UInt8]) { #expect(throws: WireError.self) { try MessageDecoder.decode(bytes) } }

  @Test("survives random changes", arguments: 0..<10 as Range<UInt64>)
  func mutations(seed: UInt64) async throws {
    var generator = SeededGenerator(seed: seed)
    let good = [
      Wire.message(
        ["insert": "c", "$db": "d"], sequences: Wire.sequence("documents", [["_id": 1, "a": ["b": [1, 2]]]])),
      Wire.checksummed(["find": "c", "filter": ["a.b": ["$gt": 1]], "$db": "d"]), Wire.query(["isMaster": 1]),
      Wire.message([
        "update": "c", "updates": [["q": ["a": 1], "u": ["$set": ["a.b.1": 2]], "upsert": true]], "$db": "d",
      ]),
    ]
    let session = Session()
    for _ in 0..<500 {
      var bytes = good.randomElement(using: &generator) ?? []
      for _ in 0..<3 {
        let place = Int.random(in: 0..<bytes.count, using: &generator)
        bytes[place] = Bool.random(using: &generator) ? UInt8.random(in: 0...255, using: &generator) : bytes[place] ^ 1
      }
      let length = Wire.int32(bytes.count)
      bytes.replaceSubrange(0..<4, with: length)
      guard let request = try? WireTests.request(bytes) else { continue }
      _ = await session.interpreter.outcome(of: request, connectionID: 1)
    }
  }

  @Test("answers only the handshake in an OP_QUERY")
  func legacyCommands() async throws {
    let request = try #require(try WireTests.request(Wire.query(["find": "c"])))
    let outcome = await Session().interpreter.outcome(of: request, connectionID: 1)
    #expect(outcome.reply.number("code") == 352)
  }
}

/// SplitMix64: the same numbers for the same seed on every machine.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }
}
