// SPDX-License-Identifier: GPL-3.0-or-later

/// Where a number stands among all numbers, whatever its type: 1, 1.0 and NumberLong(1) have the same place.
///
/// It is the largest double that is not greater than the number, as bits that order like the double, and what is
/// missing to the number: 0 for every double, below 1024 for an int64. Nothing is rounded away.
struct NumericPlace: Comparable {
  let bits: UInt64
  let rest: UInt16

  init(_ number: Double) {
    rest = 0
    if number.isNaN {
      bits = 0  // before all other numbers, as in MongoDB; -infinity has larger bits
    } else {
      let raw = number == 0 ? 0 : number.bitPattern
      bits = raw >> 63 == 1 ? ~raw : raw | 1 << 63
    }
  }

  init(_ number: Int64) {
    var floor = Double(number)
    if Int64(exactly: floor).map({ $0 > number }) ?? true { floor = floor.nextDown }
    bits = NumericPlace(floor).bits
    // floor is a whole number within the range of Int64, less than 1024 below.
    rest = UInt16(truncatingIfNeeded: number &- (Int64(exactly: floor) ?? number))
  }

  init(_ number: Decimal128) {
    if let whole = number.exactInteger { self.init(whole) } else { self.init(number.approximation) }
  }

  init?(_ value: BSONValue) {
    switch value {
    case .double(let number): self.init(number)
    case .int32(let number): self.init(Int64(number))
    case .int64(let number): self.init(number)
    case .decimal128(let number): self.init(number)
    default: return nil
    }
  }

  static func < (left: NumericPlace, right: NumericPlace) -> Bool {
    left.bits != right.bits ? left.bits < right.bits : left.rest < right.rest
  }
}
