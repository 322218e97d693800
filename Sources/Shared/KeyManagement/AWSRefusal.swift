// SPDX-License-Identifier: GPL-3.0-or-later

/// An answer of an AWS service that is not a success, as the facts a verdict is made of.
struct AWSRefusal: Sendable, Equatable {
  /// The largest difference between the reply's `Date` and our clock at which a refusal counts (design, section 6).
  static let maximumSkewSeconds: Int64 = 240
  /// The longest error code taken over from an answer, in bytes.
  static let maximumCodeLength = 100
  /// The longest text of an access refusal taken over from an answer, in bytes.
  static let maximumMessageLength = 400

  /// The HTTP status.
  var status: Int
  /// The error type, empty if the answer has none.
  var code: String
  /// The service's text, cleaned; shown for access refusals only, as signature errors quote what was signed.
  var message: String
  /// The `Date` header in seconds since 1970; nil if it is missing or unreadable.
  var dateSeconds: Int64?
  /// The service's id of the request.
  var requestID: String

  /// The kind of failure and a sentence about it, at our time `nowSeconds`.
  ///
  /// The order is the design's: the clock before the type, and a type that claims a state of key or credentials counts
  /// only in an answer that has the form such an answer has.
  func classified(nowSeconds: Int64) -> (kind: KMSError.Kind, detail: String) {
    if let dateSeconds, abs(dateSeconds - nowSeconds) > Self.maximumSkewSeconds {
      return (
        .clockSkew,
        "the KMS's clock and this machine's differ by \(abs(dateSeconds - nowSeconds)) s; set this machine's clock"
      )
    }
    guard !code.isEmpty else { return withoutCode }
    if AWSErrorTable.dependsOnClock.contains(code), dateSeconds == nil {
      return (.malformedAnswer, "the signature was refused by an answer without a Date, which proves nothing")
    }
    let kind = AWSErrorTable.kind(of: code)
    switch kind {
    case .unlisted where status >= 500: return (.service, "the KMS answered with HTTP status \(status)")
    case .unlisted: return (.unlisted, "the KMS refused with a type Keyfold gives no meaning to")
    case .keyDisabled, .keyNotFound, .keyPendingDeletion, .credentialsRefused, .accessDenied, .corruptBlob:
      guard (400..<500).contains(status) else {
        return (.malformedAnswer, "the error type does not go with HTTP status \(status)")
      }
    default: break
    }
    return (kind, Self.sentence(of: kind) + (kind == .accessDenied && !message.isEmpty ? ": " + message : ""))
  }

  /// Without a type only outages are left; the status tells them apart and can't make them anything else.
  private var withoutCode: (kind: KMSError.Kind, detail: String) {
    switch status {
    case 429: (.throttled, "the KMS, or something before it, asks for fewer calls")
    case 500...: (.service, "the KMS, or something before it, answered with HTTP status \(status)")
    default: (.malformedAnswer, "HTTP status \(status) without an error type; is a proxy or firewall in the way?")
    }
  }

  private static func sentence(of kind: KMSError.Kind) -> String {
    switch kind {
    case .keyDisabled: "the key is disabled"
    case .keyPendingDeletion: "the key is scheduled for deletion"
    case .keyNotFound: "the key does not exist"
    case .keyStateUnknown: "the key is in a state that forbids this"
    case .credentialsRefused: "the KMS does not accept the credentials"
    case .accessDenied: "the credentials may not use the key"
    case .credentialsExpired: "the temporary credentials have expired"
    case .throttled: "the KMS asks for fewer calls"
    case .clockSkew: "the KMS says that this machine's clock is wrong"
    case .corruptBlob: "the wrapped key is damaged, or was wrapped by another key or for another purpose"
    default: "the KMS has a failure of its own"
    }
  }
}

extension AWSRefusal {
  /// Reads a refusal out of an HTTP answer: `x-amzn-errortype`, JSON `__type`, XML `<Code>`, in this order.
  init(status: Int, header: (String) -> String?, body: Span<UInt8>) {
    self.status = status
    dateSeconds = header("date").flatMap { CivilTime(httpDate: $0) }?.seconds
    requestID = Self.cleaned(header("x-amzn-requestid") ?? header("x-amz-request-id") ?? "", limit: 80)
    let json = try? JSONReader.read(body)
    let typeOfBody = (json?.member("__type") ?? json?.member("code"))?.text(in: body)
    code = Self.code(header("x-amzn-errortype") ?? typeOfBody ?? Self.element("Code", in: body) ?? "")
    let text = (json?.member("message") ?? json?.member("Message"))?.text(in: body) ?? Self.element("Message", in: body)
    message = Self.cleaned(text ?? "", limit: Self.maximumMessageLength)
    if requestID.isEmpty { requestID = Self.cleaned(Self.element("RequestId", in: body) ?? "", limit: 80) }
  }

  /// The bare name of an error type: without `namespace#` before it and `:url` behind; empty if it is no name.
  static func code(_ raw: String) -> String {
    let behind = raw.split(separator: "#", omittingEmptySubsequences: false).last ?? ""
    let bare = behind.split(separator: ":", omittingEmptySubsequences: false).first ?? ""
    let isName = bare.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"):
        true
      default: false
      }
    }
    return isName && bare.utf8.count <= maximumCodeLength ? String(bare) : ""
  }

  /// Printable ASCII only, at most `limit` bytes.
  private static func cleaned(_ text: String, limit: Int) -> String {
    String(decoding: text.utf8.prefix(limit).map { (0x20..<0x7F).contains($0) ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
  }

  /// The text of the first XML element of this name that has no attributes and no children.
  private static func element(_ name: String, in body: Span<UInt8>) -> String? {
    let open = Array("<\(name)>".utf8)
    guard let start = find(open, in: body, from: 0) else { return nil }
    let text = start + open.count
    guard let end = find(Array("</\(name)>".utf8), in: body, from: text), end - text <= 4096 else { return nil }
    return JSONText.text(text..<end, escaped: false, in: body)
  }

  private static func find(_ needle: [UInt8], in body: Span<UInt8>, from start: Int) -> Int? {
    var index = start
    while index + needle.count <= body.count {
      var length = 0
      while length < needle.count, body[index + length] == needle[length] { length += 1 }
      if length == needle.count { return index }
      index += 1
    }
    return nil
  }
}
