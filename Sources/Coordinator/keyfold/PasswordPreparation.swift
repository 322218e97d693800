// SPDX-License-Identifier: GPL-3.0-or-later
internal import Foundation
internal import Secrets

/// Prepares a password as MongoDB's drivers do before they hash it: SASLprep (RFC 4013) for stored strings.
///
/// The standard is of Unicode 3.2. What might come out differently here than in a driver is refused, never guessed:
/// a user whose password was prepared in another way could not log in, and nobody would know why.
enum PasswordPreparation {
  /// Why a password can't be prepared; shows nothing of it but one code point.
  struct Refusal: Error, Equatable, CustomStringConvertible {
    let description: String
  }

  /// The prepared password; a plain ASCII one is what it was, and is not copied out of its safe memory.
  static func prepare(_ password: Secret) throws -> Secret {
    let plain = password.withBytes { bytes -> Bool? in
      var isPrintable = true
      for offset in 0..<bytes.byteCount {
        let byte = unsafe bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
        if byte >= 0x80 { return nil }
        if byte < 0x20 || byte == 0x7F { isPrintable = false }
      }
      return isPrintable
    }
    switch plain {
    case true?: return password
    case false?: throw Refusal(description: "It has a control character, for example a tab or a line end.")
    case nil: break
    }
    // Text outside ASCII goes through strings of the library, which nobody wipes; this process ends soon.
    var bytes = password.withSecret { $0.unprotectedCopy() }
    defer { SecretBytes.wipe(&bytes) }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw Refusal(description: "It is not UTF-8.")
    }
    var prepared = Array(try prepare(text).utf8)
    defer { SecretBytes.wipe(&prepared) }
    return Secret(try SecretBytes(copying: prepared))
  }

  /// Maps, normalizes and checks (RFC 4013, section 2).
  static func prepare(_ text: String) throws(Refusal) -> String {
    for scalar in text.unicodeScalars { try requireKnown(scalar) }
    var mapped = String.UnicodeScalarView()
    for scalar in text.unicodeScalars where !StringprepTables.mapsToNothing.contains(scalar) {
      mapped.append(StringprepTables.otherSpaces.contains(scalar) ? " " : scalar)
    }
    let normalized = String(mapped).precomposedStringWithCompatibilityMapping
    guard !normalized.isEmpty else { throw Refusal(description: "Nothing of it is left once it is prepared.") }
    for scalar in normalized.unicodeScalars {
      if StringprepTables.prohibited.contains(scalar) {
        throw Refusal(description: "The character \(name(scalar)) is not allowed in passwords (RFC 4013).")
      }
      try requireKnown(scalar)
    }
    try checkDirection(normalized)
    return normalized
  }

  /// Characters that Unicode 3.2 did not have are refused by drivers; some that it had are normalized otherwise since.
  private static func requireKnown(_ scalar: Unicode.Scalar) throws(Refusal) {
    if let age = scalar.properties.age, (age.major, age.minor) <= (3, 2),
      !StringprepTables.correctedSince.contains(scalar)
    {
      return
    }
    if StringprepTables.prohibited.contains(scalar) { return }
    throw Refusal(
      description: "The character \(name(scalar)) is newer than the standard by which passwords are prepared.")
  }

  /// RFC 3454, section 6, more strictly: among right-to-left letters only characters without a direction of their own.
  private static func checkDirection(_ text: String) throws(Refusal) {
    let scalars = text.unicodeScalars
    guard scalars.contains(where: { StringprepTables.rightToLeft.contains($0) }) else { return }
    let isFramed = [scalars.first, scalars.last].allSatisfy {
      $0.map { StringprepTables.rightToLeft.contains($0) } ?? false
    }
    guard isFramed,
      scalars.allSatisfy({ StringprepTables.rightToLeft.contains($0) || StringprepTables.neutral.contains($0) })
    else {
      throw Refusal(
        description:
          "It mixes right-to-left letters with others, or does not begin and end with such letters (RFC 4013)."
      )
    }
  }

  private static func name(_ scalar: Unicode.Scalar) -> String {
    let digits = String(scalar.value, radix: 16, uppercase: true)
    return "U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }
}

/// A set of code points as ranges.
struct ScalarRanges: Sendable {
  private let ranges: [ClosedRange<UInt32>]

  init(_ ranges: ClosedRange<UInt32>...) { self.ranges = ranges }

  func contains(_ scalar: Unicode.Scalar) -> Bool { ranges.contains { $0.contains(scalar.value) } }
}

/// The tables of RFC 3454 that SASLprep uses.
enum StringprepTables {
  /// B.1.
  static let mapsToNothing = ScalarRanges(
    0xAD...0xAD, 0x34F...0x34F, 0x1806...0x1806, 0x180B...0x180D, 0x200B...0x200D, 0x2060...0x2060, 0xFE00...0xFE0F,
    0xFEFF...0xFEFF)
  /// C.1.2, less what B.1 has.
  static let otherSpaces = ScalarRanges(
    0xA0...0xA0, 0x1680...0x1680, 0x2000...0x200B, 0x202F...0x202F, 0x205F...0x205F, 0x3000...0x3000)
  /// C.1.2 and C.2.1 to C.9, less surrogates, which Swift's text can't have.
  static let prohibited = ScalarRanges(
    0x0...0x1F, 0x7F...0xA0, 0x340...0x341, 0x6DD...0x6DD, 0x70F...0x70F, 0x1680...0x1680, 0x180E...0x180E,
    0x2000...0x200F, 0x2028...0x202F, 0x205F...0x2063, 0x206A...0x206F, 0x2FF0...0x2FFB, 0x3000...0x3000,
    0xE000...0xF8FF, 0xFDD0...0xFDEF, 0xFEFF...0xFEFF, 0xFFF9...0xFFFF, 0x1D173...0x1D17A, 0x1FFFE...0x1FFFF,
    0x2FFFE...0x2FFFF, 0x3FFFE...0x3FFFF, 0x4FFFE...0x4FFFF, 0x5FFFE...0x5FFFF, 0x6FFFE...0x6FFFF, 0x7FFFE...0x7FFFF,
    0x8FFFE...0x8FFFF, 0x9FFFE...0x9FFFF, 0xAFFFE...0xAFFFF, 0xBFFFE...0xBFFFF, 0xCFFFE...0xCFFFF, 0xDFFFE...0xDFFFF,
    0xE0001...0xE0001, 0xE0020...0xE007F, 0xEFFFE...0x10FFFF)
  /// D.1: letters written from right to left.
  static let rightToLeft = ScalarRanges(
    0x5BE...0x5BE, 0x5C0...0x5C0, 0x5C3...0x5C3, 0x5D0...0x5EA, 0x5F0...0x5F4, 0x61B...0x61B, 0x61F...0x61F,
    0x621...0x63A, 0x640...0x64A, 0x66D...0x66F, 0x671...0x6D5, 0x6DD...0x6DD, 0x6E5...0x6E6, 0x6FA...0x6FE,
    0x700...0x70D, 0x710...0x710, 0x712...0x72C, 0x780...0x7A5, 0x7B1...0x7B1, 0x200F...0x200F, 0xFB1D...0xFB1D,
    0xFB1F...0xFB28, 0xFB2A...0xFB36, 0xFB38...0xFB3C, 0xFB3E...0xFB3E, 0xFB40...0xFB41, 0xFB43...0xFB44,
    0xFB46...0xFBB1, 0xFBD3...0xFD3D, 0xFD50...0xFD8F, 0xFD92...0xFDC7, 0xFDF0...0xFDFC, 0xFE70...0xFE74,
    0xFE76...0xFEFC)
  /// What may stand among them for certain: ASCII without its letters, Arabic digits, Hebrew and Arabic marks.
  static let neutral = ScalarRanges(
    0x20...0x40, 0x5B...0x60, 0x7B...0x7E, 0x591...0x5A1, 0x5A3...0x5B9, 0x5BB...0x5BD, 0x64B...0x655, 0x660...0x66C,
    0x6F0...0x6F9)
  /// Normalized otherwise since Unicode 3.2 (Corrigendum 4), so that an older library gives something else.
  static let correctedSince = ScalarRanges(
    0x2F868...0x2F868, 0x2F874...0x2F874, 0x2F91F...0x2F91F, 0x2F95F...0x2F95F, 0x2F9BF...0x2F9BF, 0xF951...0xF951)
}
