// SPDX-License-Identifier: GPL-3.0-or-later

/// A 12-byte BSON ObjectId, ordered by its bytes.
public struct ObjectID: Sendable, Hashable, Comparable, CustomStringConvertible {
  /// The length of an ObjectId, in bytes.
  public static let length = 12

  private let high: UInt64
  private let low: UInt32

  /// Makes an ObjectId of 12 bytes; nil for any other number of bytes.
  public init?(_ bytes: some Collection<UInt8>) {
    guard bytes.count == ObjectID.length else { return nil }
    var high: UInt64 = 0
    var low: UInt32 = 0
    for (place, byte) in bytes.enumerated() {
      if place < 8 { high = high << 8 | UInt64(byte) } else { low = low << 8 | UInt32(byte) }
    }
    self.high = high
    self.low = low
  }

  /// Makes the ObjectId MongoDB uses as `electionId` for a term: 7fffffff and the term; a higher term is greater.
  public init(term: UInt64) {
    high = 0x7FFF_FFFF << 32 | term >> 32
    low = UInt32(truncatingIfNeeded: term)
  }

  /// Makes an ObjectId as drivers do: seconds since 1970, five bytes that tell makers apart, a counter (lower 24 bits).
  public init(seconds: UInt32, maker: UInt64, counter: UInt32) {
    let maker = maker & 0xFF_FFFF_FFFF
    high = UInt64(seconds) << 32 | maker >> 8
    low = UInt32(truncatingIfNeeded: maker & 0xFF) << 24 | counter & 0xFF_FFFF
  }

  /// The 12 bytes.
  public var bytes: [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: high >> (56 - 8 * $0)) }
      + (0..<4).map { UInt8(truncatingIfNeeded: low >> (24 - 8 * $0)) }
  }

  /// 24 hexadecimal digits.
  public var description: String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }

  /// Orders by bytes.
  public static func < (left: ObjectID, right: ObjectID) -> Bool {
    left.high != right.high ? left.high < right.high : left.low < right.low
  }
}
