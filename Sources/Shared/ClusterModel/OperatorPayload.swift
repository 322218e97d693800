// SPDX-License-Identifier: GPL-3.0-or-later
internal import Foundation

/// The bytes of an operator's request or of its reply, as they travel in the payload frame.
///
/// Layout: four bytes, the length of the JSON, most significant first; the JSON; the rest is the secret of `setKMS`,
/// empty for everything else. The secret is never part of the JSON, so that nothing that prints or stores requests can
/// print or store it.
public enum OperatorPayload {
  /// The longest JSON of a request, in bytes; a CA bundle is the largest thing in one.
  public static let maximumRequestLength = 1 << 20
  /// The longest secret, in bytes.
  public static let maximumSecretLength = 8192

  /// A request's bytes without a secret; the caller appends the secret, if there is one.
  public static func encode(_ command: OperatorCommand) throws(ModelError) -> [UInt8] { try frame(command) }

  /// A reply's bytes.
  public static func encode(_ answer: OperatorAnswer) throws(ModelError) -> [UInt8] { try frame(answer) }

  /// Reads a request and says where its secret lies; throws `ModelError` if the bytes are none.
  public static func decodeCommand(_ bytes: RawSpan) throws(ModelError) -> (
    command: OperatorCommand, secret: Range<Int>
  ) {
    let end = try jsonEnd(bytes)
    guard end <= maximumRequestLength + prefixLength else {
      throw fault("the request has more than \(maximumRequestLength) bytes")
    }
    guard bytes.byteCount - end <= maximumSecretLength else {
      throw fault("the secret has more than \(maximumSecretLength) bytes")
    }
    return (try decode(OperatorCommand.self, bytes.extracting(prefixLength..<end)), end..<bytes.byteCount)
  }

  /// Reads a reply; throws `ModelError` if the bytes are none.
  public static func decodeAnswer(_ bytes: [UInt8]) throws(ModelError) -> OperatorAnswer {
    let bytes = unsafe bytes.span.bytes
    return try decode(OperatorAnswer.self, bytes.extracting(prefixLength..<(try jsonEnd(bytes))))
  }

  private static let prefixLength = 4

  private static func frame(_ value: some Encodable) throws(ModelError) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    guard let json = try? encoder.encode(value), let length = UInt32(exactly: json.count) else {
      throw fault("the value has no JSON")
    }
    return [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: length >> $0) } + json
  }

  private static func jsonEnd(_ bytes: RawSpan) throws(ModelError) -> Int {
    guard bytes.byteCount >= prefixLength else { throw fault("fewer than \(prefixLength) bytes") }
    let prefix = bytes.extracting(first: prefixLength)
    let length = unsafe prefix.withUnsafeBytes { unsafe $0.reduce(0) { $0 << 8 | Int($1) } }
    guard length <= bytes.byteCount - prefixLength else { throw fault("the JSON is cut off") }
    return prefixLength + length
  }

  private static func decode<Value: Decodable>(_ type: Value.Type, _ json: RawSpan) throws(ModelError) -> Value {
    do { return try JSONDecoder().decode(type, from: unsafe json.withUnsafeBytes { unsafe Data($0) }) } catch {
      throw fault("the JSON is not a message this version knows")
    }
  }

  private static func fault(_ text: String) -> ModelError { ModelError(.invalidSettings, "operator message: \(text)") }
}
