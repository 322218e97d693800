// SPDX-License-Identifier: GPL-3.0-or-later
internal import Foundation

/// A client message that is none of SCRAM's, or asks for what is not done here.
struct ScramSyntaxError: Error {
  let description: String
}

/// The client's first message (RFC 5802, section 7): `n,,n=user,r=nonce`.
struct ScramClientFirst: Sendable, Equatable {
  /// The longest first message, in bytes; a name may triple in size by its escapes.
  static let maximumLength = 1_024

  /// The header, which the final message repeats: `n,,` or `y,,`.
  let header: String
  /// Everything after the header; part of what both sides sign.
  let bare: String
  let user: String
  let nonce: String

  init(_ payload: [UInt8]) throws(ScramSyntaxError) {
    let fields = try ScramText.fields(payload, limit: Self.maximumLength)
    guard fields.count >= 4, fields[0] == "n" || fields[0] == "y" else {
      throw ScramSyntaxError(description: "channel binding is not supported, or the message is none of SCRAM")
    }
    let user = try ScramText.name(in: fields[2])
    // To log in as one user and act as another is not done here.
    guard fields[1].isEmpty || fields[1] == "a=" + fields[2].dropFirst(2) else {
      throw ScramSyntaxError(description: "the authorization identity is another than the user")
    }
    let nonce = try ScramText.value("r", of: fields[3])
    guard !nonce.isEmpty else { throw ScramSyntaxError(description: "the nonce is empty") }
    header = "\(fields[0]),\(fields[1]),"
    bare = fields[2...].joined(separator: ",")
    self.user = user
    self.nonce = String(nonce)
  }
}

/// The client's final message: `c=biws,r=nonce,p=proof`.
struct ScramClientFinal: Sendable, Equatable {
  /// The longest final message, in bytes.
  static let maximumLength = 2_048

  /// The header of the first message, decoded.
  let header: [UInt8]
  let nonce: String
  let proof: [UInt8]
  /// Everything before the proof; part of what both sides sign.
  let withoutProof: String

  init(_ payload: [UInt8]) throws(ScramSyntaxError) {
    let fields = try ScramText.fields(payload, limit: Self.maximumLength)
    guard fields.count >= 3, let last = fields.last else {
      throw ScramSyntaxError(description: "the final message is incomplete")
    }
    guard let header = Data(base64Encoded: String(try ScramText.value("c", of: fields[0]))),
      let proof = Data(base64Encoded: String(try ScramText.value("p", of: last)))
    else { throw ScramSyntaxError(description: "the final message holds what is not base64") }
    self.header = Array(header)
    self.proof = Array(proof)
    nonce = String(try ScramText.value("r", of: fields[1]))
    withoutProof = fields.dropLast().joined(separator: ",")
  }
}

/// SCRAM's messages are texts of attributes with commas between.
private enum ScramText {
  static func fields(_ payload: [UInt8], limit: Int) throws(ScramSyntaxError) -> [Substring] {
    guard payload.count <= limit else { throw ScramSyntaxError(description: "the message is too long") }
    guard let text = String(validating: payload, as: UTF8.self), !payload.contains(0) else {
      throw ScramSyntaxError(description: "the message is not UTF-8")
    }
    // By scalars: a combining mark after a comma must not hide it.
    return text.unicodeScalars.split(separator: ",", omittingEmptySubsequences: false).map { Substring($0) }
  }

  static func value(_ name: Unicode.Scalar, of field: Substring) throws(ScramSyntaxError) -> Substring {
    let scalars = field.unicodeScalars
    guard scalars.count >= 2, scalars.first == name, scalars.dropFirst().first == "=" else {
      throw ScramSyntaxError(description: "the attribute '\(name)' is missing or not in its place")
    }
    return Substring(scalars.dropFirst(2))
  }

  /// The user's name: `=2C` stands for a comma, `=3D` for an equals sign, and any other equals sign is wrong.
  static func name(in field: Substring) throws(ScramSyntaxError) -> String {
    let parts = try value("n", of: field).unicodeScalars.split(separator: "=", omittingEmptySubsequences: false)
    var name = String.UnicodeScalarView(parts[0])
    for part in parts.dropFirst() {
      switch String(part.prefix(2)) {
      case "2C": name.append(",")
      case "3D": name.append("=")
      default: throw ScramSyntaxError(description: "the user name is not escaped as SCRAM wants it")
      }
      name.append(contentsOf: part.dropFirst(2))
    }
    guard !name.isEmpty else { throw ScramSyntaxError(description: "the user name is empty") }
    return String(name)
  }
}
