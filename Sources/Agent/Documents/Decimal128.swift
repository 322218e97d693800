// SPDX-License-Identifier: GPL-3.0-or-later

/// A 128-bit decimal (IEEE 754-2008, binary integer decimal), carried through unchanged.
///
/// Equality is equality of the bits. In order and in comparisons with other numbers a decimal that is a whole number
/// within 64 bits counts exactly; any other counts as the nearest double.
public struct Decimal128: Sendable, Hashable {
  /// The upper 64 bits: sign, exponent, upper coefficient.
  public let high: UInt64
  /// The lower 64 bits of the coefficient.
  public let low: UInt64

  /// Makes a decimal of its bits.
  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// What the bits mean.
  enum Meaning: Equatable {
    case notANumber
    case infinity(negative: Bool)
    case finite(negative: Bool, coefficient: UInt128, exponent: Int)
  }

  var meaning: Meaning {
    let negative = high >> 63 == 1
    let top = high >> 58 & 0x1F
    if top == 0x1F { return .notANumber }
    if top == 0x1E { return .infinity(negative: negative) }
    // The second form has an implied coefficient above the largest allowed one: by the standard it counts as zero.
    if top >> 3 == 3 { return .finite(negative: negative, coefficient: 0, exponent: Int(high >> 47 & 0x3FFF) - 6176) }
    let coefficient = UInt128(high & 0x1_FFFF_FFFF_FFFF) << 64 | UInt128(low)
    let exponent = Int(high >> 49 & 0x3FFF) - 6176
    let largest = UInt128(9_999_999_999_999_999) * 1_000_000_000_000_000_000 + 999_999_999_999_999_999
    return .finite(negative: negative, coefficient: coefficient > largest ? 0 : coefficient, exponent: exponent)
  }

  /// The whole number this is, if it is one that fits into 64 bits.
  public var exactInteger: Int64? {
    guard case .finite(let negative, var coefficient, var exponent) = meaning else { return nil }
    if coefficient == 0 { return 0 }
    while exponent < 0, coefficient % 10 == 0 { (coefficient, exponent) = (coefficient / 10, exponent + 1) }
    guard exponent >= 0, exponent <= 19 else { return nil }
    for _ in 0..<exponent {
      coefficient *= 10
      if coefficient > UInt128(UInt64.max) { return nil }
    }
    guard let magnitude = Int128(exactly: coefficient) else { return nil }
    return Int64(exactly: negative ? -magnitude : magnitude)
  }

  /// The nearest double; the exact value may differ.
  public var approximation: Double {
    switch meaning {
    case .notANumber: return .nan
    case .infinity(let negative): return negative ? -.infinity : .infinity
    case .finite(let negative, let coefficient, let exponent):
      let text = (negative ? "-" : "") + "\(coefficient)e\(exponent)"
      return Double(text) ?? (negative ? -0.0 : 0.0)
    }
  }
}
