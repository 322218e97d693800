// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Messages
import Testing

@Suite("Bytes that are no message are refused, whatever they are")
struct HostileBytesTests {
  private func code(_ bytes: [UInt8]) -> MessageError.Code? {
    do throws(MessageError) {
      _ = try Envelope(decoding: bytes)
      return nil
    } catch { return error.code }
  }

  @Test("takes the empty frame for an envelope without a version")
  func empty() { #expect(code([]) == .unsupportedVersion(0)) }

  @Test("refuses a newer version and says which, and whose message it was")
  func newerVersion() {
    let bytes = Wire.number(1, 2) + Wire.number(2, 42)
    do throws(MessageError) {
      _ = try Envelope(decoding: bytes)
      Issue.record("it was taken")
    } catch {
      #expect(error.code == .unsupportedVersion(2))
      #expect(error.messageID == 42)
      #expect(error.fault.code == .unsupportedVersion)
    }
  }

  @Test("refuses a message of an unknown kind, and none at all")
  func unknownKind() {
    #expect(code(Wire.envelope(99, [])) == .unknownMessage)
    #expect(code(Wire.number(1, 1)) == .unknownMessage)
    // A command without an action known here.
    let command = Wire.bytes(1, Array(Samples.command.text.utf8)) + Wire.bytes(99, [])
    #expect(code(Wire.envelope(19, command)) == .unknownMessage)
  }

  @Test("refuses a NUL byte in a text, which C code would cut at", arguments: [[0x61, 0, 0x62], [0x61, 0], [0]])
  func embeddedNUL(_ text: [UInt8]) {
    #expect(code(Wire.envelope(25, Wire.number(1, 1) + Wire.bytes(2, text))) == .embeddedNUL)
    #expect(throws: MessageError.self) {
      try Envelope(.fault(Fault(code: .failed, text: String(decoding: text, as: UTF8.self)))).encoded()
    }
  }

  @Test("refuses texts that are not UTF-8", arguments: [[0xFF], [0xC3], [0xED, 0xA0, 0x80], [0xC0, 0xAF]])
  func invalidUTF8(_ text: [UInt8]) {
    #expect(code(Wire.envelope(25, Wire.number(1, 1) + Wire.bytes(2, text))) == .invalidUTF8)
  }

  @Test("refuses enum numbers that are unspecified, unknown or negative", arguments: [0, 9, UInt64(UInt32.max), .max])
  func enums(_ number: UInt64) {
    #expect(code(Wire.envelope(25, Wire.number(1, number))) == .outOfRange)
  }

  @Test("refuses names and identifiers that the model refuses")
  func identifiers() {
    #expect(code(Wire.number(1, 1) + Wire.bytes(5, Array("a/b".utf8)) + Wire.bytes(36, [])) == .invalidValue)
    #expect(code(Wire.number(1, 1) + Wire.bytes(4, Array("-".utf8)) + Wire.bytes(36, [])) == .invalidValue)
    #expect(code(Wire.envelope(42, Wire.bytes(3, Array("no uuid".utf8)))) == .invalidValue)
    #expect(
      code(Wire.envelope(21, Wire.bytes(1, Array(Samples.generation.text.utf8)) + Wire.bytes(5, []))) == .invalidValue)
  }

  @Test("refuses messages without a part they need")
  func missing() {
    #expect(code(Wire.envelope(16, [])) == .missing)
    #expect(code(Wire.envelope(17, Wire.number(3, 1))) == .missing)
  }

  @Test("refuses lists that are too long, before it makes values of them")
  func lists() {
    let key = Wire.bytes(5, [])
    let keys = Array(repeatElement(key, count: KeysReport.maximumKeysInPart + 1).joined())
    #expect(code(Wire.envelope(21, Wire.bytes(1, Array(Samples.generation.text.utf8)) + keys)) == .outOfRange)
  }

  @Test("refuses a small message that asks for much memory")
  func memoryBudget() {
    let count = (Envelope.maximumEncodedBytes - 64) / 2
    let entries = Array(repeatElement([5 << 3 | 2, 0] as [UInt8], count: count).joined())
    #expect(code(Wire.envelope(34, entries)) == .memoryBudget)
  }

  @Test("refuses a frame above the limit, on both sides")
  func tooLarge() {
    #expect(code([UInt8](repeating: 0, count: Envelope.maximumEncodedBytes + 1)) == .tooLarge)
    let text = String(repeating: "x", count: Envelope.maximumEncodedBytes)
    #expect(throws: MessageError.self) { try Envelope(.fault(Fault(code: .failed, text: text))).encoded() }
  }

  @Test("stands every truncation of every message", arguments: Samples.bodies.indices)
  func truncations(index: Int) throws {
    let bytes = try Samples.envelope(Samples.bodies[index]).encoded()
    for count in 0..<bytes.count { _ = code(Array(bytes.prefix(count))) }
  }

  @Test("stands random mutations of every message", arguments: Samples.bodies.indices)
  func mutations(index: Int) throws {
    var random = SeededRandom(seed: 0x5EED_0000 + UInt64(index))
    let bytes = try Samples.envelope(Samples.bodies[index]).encoded()
    for _ in 0..<2_000 {
      var mutated = bytes
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let place = Int.random(in: 0..<mutated.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: mutated[place] = .random(in: .min ... .max, using: &random)
        case 1: mutated[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 2: mutated.insert(.random(in: .min ... .max, using: &random), at: place)
        default: if mutated.count > 1 { mutated.remove(at: place) }
        }
      }
      // What is taken must be whole: it can be written again.
      if let envelope = try? Envelope(decoding: mutated) { _ = try envelope.encoded() }
    }
  }

  @Test("stands random bytes")
  func noise() {
    var random = SeededRandom(seed: 0xBAD_C0DE)
    for _ in 0..<20_000 {
      let count = Int.random(in: 0..<96, using: &random)
      _ = code((0..<count).map { _ in .random(in: .min ... .max, using: &random) })
    }
  }
}

/// SplitMix64 (Steele, Lea, Flood 2014): the same numbers for the same seed, so that a failure repeats.
struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
