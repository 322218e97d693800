// SPDX-License-Identifier: GPL-3.0-or-later

internal import KeyManagement
internal import NIOCore

/// One HTTP request as the engine sees it.
struct KMSRequest: Sendable {
  var method: String
  /// Path and query as in the request line.
  var target: String
  var headers: [(name: String, value: String)]
  var body: ByteBuffer
  var clientAddress: String

  /// All values of a header; names compare without case.
  func values(_ name: String) -> [String] {
    headers.filter { $0.name.lowercased() == name }.map(\.value)
  }

  /// The value of a header that stands there once; nil otherwise.
  func value(_ name: String) -> String? {
    let values = values(name)
    return values.count == 1 ? values.first : nil
  }

  /// The path without the query.
  var path: String { String(target.prefix { $0 != "?" }) }

  /// The parts of the path between slashes, as they stand there; empty ones left out.
  var segments: [String] { path.split(separator: "/").map(String.init) }

  /// The parameters of the query.
  var query: [String: String] {
    let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    return parts.count > 1 ? FormText.pairs(String(parts[1])) ?? [:] : [:]
  }

  /// Whether the body says that it is a form.
  var isForm: Bool { value("content-type")?.lowercased().hasPrefix("application/x-www-form-urlencoded") ?? false }

  /// The members of a form; nil if it is none.
  var form: [String: String]? {
    guard isForm, let text = String(validating: body.readableBytesView, as: UTF8.self) else { return nil }
    return FormText.pairs(text)
  }

  /// The token of an `Authorization: Bearer` header; nil if there is none.
  var bearer: String? {
    guard let value = value("authorization"), value.lowercased().hasPrefix("bearer ") else { return nil }
    return String(value.dropFirst("bearer ".count).drop { $0 == " " })
  }

  /// The base URL the client used, from its `Host` header; links and key ids in answers begin with it.
  var base: String {
    let host = value("host") ?? ""
    let isSound =
      !host.isEmpty && host.utf8.count <= 255
      && host.utf8.allSatisfy {
        ($0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7A) || (0x2D...0x3A).contains($0) || $0 == 0x5B || $0 == 0x5D
      }
    return "https://\(isSound && !host.contains("/") ? host : "localhost")"
  }
}

/// Forms and queries (application/x-www-form-urlencoded, URL standard, section 5).
enum FormText {
  /// The most pairs that are read.
  static let maximumPairs = 64

  /// The pairs of a text; nil if its escapes are wrong, a name stands twice or there are too many.
  static func pairs(_ text: String) -> [String: String]? {
    var pairs: [String: String] = [:]
    for part in text.split(separator: "&") {
      let words = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard let name = plain(words[0]), let value = words.count > 1 ? plain(words[1]) : "",
        pairs.updateValue(value, forKey: name) == nil, pairs.count <= maximumPairs
      else { return nil }
    }
    return pairs
  }

  /// A word without its escapes; nil if one is wrong or the bytes are not UTF-8.
  static func plain(_ word: some StringProtocol) -> String? {
    var bytes: [UInt8] = []
    var rest = Array(word.utf8)[...]
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "+"): bytes.append(UInt8(ascii: " "))
      case UInt8(ascii: "%"):
        let digits = rest.prefix(2)
        guard digits.count == 2, let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16),
          digits.first != UInt8(ascii: "+"), digits.first != UInt8(ascii: "-")
        else { return nil }
        bytes.append(value)
        rest = rest.dropFirst(2)
      default: bytes.append(byte)
      }
    }
    return String(validating: bytes, as: UTF8.self)
  }
}

/// One HTTP answer; the body may hold a plaintext and is wiped once it is written.
struct KMSReply: Sendable {
  var status: Int
  var requestID: String
  var body: ByteBuffer
  var dateSeconds: Int64
  var contentType: String
  var headers: [String: String]

  /// A refusal in the dialect's shape.
  init(_ fault: KMSFault, _ dialect: Dialect, requestID: String, dateSeconds: Int64) {
    status = fault.status
    self.requestID = requestID
    self.dateSeconds = dateSeconds
    contentType = dialect.contentType
    headers = fault.headers
    headers[dialect.requestIDHeader] = requestID
    body = dialect.body(of: fault, requestID: requestID, seconds: dateSeconds)
  }

  /// A success.
  init(_ answer: KMSAnswer, _ dialect: Dialect, requestID: String, dateSeconds: Int64) {
    status = answer.status
    self.requestID = requestID
    body = answer.body
    self.dateSeconds = dateSeconds
    contentType = answer.contentType ?? dialect.contentType
    headers = answer.headers
    headers[dialect.requestIDHeader] = requestID
  }
}

/// What a call answers.
struct KMSAnswer {
  var body: ByteBuffer
  var status = 200
  /// Another type than the dialect's usual one.
  var contentType: String?
  var headers: [String: String] = [:]

  init(_ body: ByteBuffer, contentType: String? = nil, headers: [String: String] = [:]) {
    self.body = body
    self.contentType = contentType
    self.headers = headers
  }

  /// A JSON object.
  init(_ members: [JSONValue.Member]) { self.init(AWSRequestBody.plain(members)) }
}
