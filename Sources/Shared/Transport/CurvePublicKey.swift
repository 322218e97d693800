// SPDX-License-Identifier: GPL-3.0-or-later

/// A CURVE public key in Z85 (ZeroMQ RFC 32): 40 characters for 32 bytes.
public struct CurvePublicKey: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
  /// The length of the text.
  public static let textLength = 40

  /// The key's text.
  public let text: String

  /// Checks a key's text; throws `TransportError` with code `identity`.
  public init(_ text: String) throws(TransportError) {
    guard Z85.isKey(Array(text.utf8)) else {
      throw TransportError(.identity, "a CURVE public key has to be 40 characters of Z85")
    }
    self.text = text
  }

  /// Writes 32 bytes as text; nil if there are more or less.
  init?(raw: [UInt8]) {
    guard let text = Z85.text(raw) else { return nil }
    self.text = text
  }

  /// The key's text.
  public var description: String { text }

  /// Orders keys by their text.
  public static func < (left: Self, right: Self) -> Bool { left.text < right.text }

  /// Decodes and checks a key.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    try self.init(container.decode(String.self))
  }

  /// Encodes the key as its text.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(text)
  }
}

/// The alphabet of ZeroMQ RFC 32.
enum Z85 {
  static let alphabet = Array(
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#".utf8)

  /// For each byte its value, 255 for bytes outside the alphabet.
  private static let values: [UInt8] = {
    var values = [UInt8](repeating: 255, count: 256)
    for (value, byte) in alphabet.enumerated() { values[Int(byte)] = UInt8(value) }
    return values
  }()

  /// Whether these characters stand for 32 bytes: 40 of the alphabet, each five of them below 2^32.
  static func isKey(_ characters: some RandomAccessCollection<UInt8>) -> Bool {
    guard characters.count == CurvePublicKey.textLength, characters.allSatisfy({ values[Int($0)] != 255 }) else {
      return false
    }
    return stride(from: 0, to: CurvePublicKey.textLength, by: 5).allSatisfy { start in
      word(characters.dropFirst(start).prefix(5)) <= UInt64(UInt32.max)
    }
  }

  /// The number behind five characters of the alphabet.
  static func word(_ characters: some Sequence<UInt8>) -> UInt64 {
    characters.reduce(0) { $0 &* 85 &+ UInt64(values[Int($1)]) }
  }

  /// Writes 32 bytes as 40 characters; nil if there are more or less.
  static func text(_ bytes: [UInt8]) -> String? {
    guard bytes.count == 32 else { return nil }
    var characters: [UInt8] = []
    for start in stride(from: 0, to: 32, by: 4) {
      let word = bytes[start..<start + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
      for divisor in [52_200_625, 614_125, 7_225, 85, 1] as [UInt32] {
        characters.append(alphabet[Int(word / divisor % 85)])
      }
    }
    return String(decoding: characters, as: UTF8.self)
  }
}
