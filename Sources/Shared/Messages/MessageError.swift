// SPDX-License-Identifier: GPL-3.0-or-later

/// Why bytes are no message, or a message can't be written as bytes; never carries content of the message.
public struct MessageError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What is wrong.
  public enum Code: Sendable, Equatable {
    /// Not protobuf at all, or cut off.
    case malformed
    /// A text that is not UTF-8.
    case invalidUTF8
    /// A text with a NUL byte, which C code would cut.
    case embeddedNUL
    /// A number, enum or list outside what the schema allows.
    case outOfRange
    /// A name or identifier that the model refuses.
    case invalidValue
    /// A part that has to be there is missing.
    case missing
    /// Another version of the protocol: the version seen, 0 if none.
    case unsupportedVersion(UInt32)
    /// A message of a kind this code doesn't know.
    case unknownMessage
    /// The message would need more memory than it is worth.
    case memoryBudget
    /// The message is larger than `Envelope.maximumEncodedBytes`.
    case tooLarge
    /// A secret can't be kept: the secure heap has no room.
    case secretStorage
  }

  /// What is wrong.
  public let code: Code
  /// The schema's field it is about, empty if it is about the whole.
  public let field: String
  /// What the schema or the model says to it.
  public let detail: String
  /// The id of the message as far as it could be read, 0 otherwise; a `Fault` answers it.
  public internal(set) var messageID: UInt64 = 0

  /// Makes an error about a field.
  public init(_ code: Code, field: String = "", _ detail: String) {
    self.code = code
    self.field = field
    self.detail = detail
  }

  /// A sentence without the message's content.
  public var description: String {
    field.isEmpty ? "message refused: \(detail)" : "message refused at \(field): \(detail)"
  }

  /// What the other side should be told.
  public var fault: Fault {
    switch code {
    case .unsupportedVersion(let version):
      Fault(
        code: .unsupportedVersion,
        text: "protocol version \(version) is not spoken here, only \(Envelope.currentProtocolVersion)")
    case .unknownMessage: Fault(code: .unknownMessage, text: detail)
    case .malformed, .invalidUTF8, .embeddedNUL, .outOfRange, .invalidValue, .missing, .memoryBudget, .tooLarge,
      .secretStorage:
      Fault(code: .malformed, text: field.isEmpty ? detail : "\(field): \(detail)")
    }
  }
}
