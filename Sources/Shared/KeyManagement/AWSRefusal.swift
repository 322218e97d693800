// SPDX-License-Identifier: GPL-3.0-or-later

internal import NIOCore

/// An answer of an AWS service that is not a success, as the facts a verdict is made of.
struct AWSRefusal: Sendable, Equatable {
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
  /// Of an administrative call, which is about no customer's data, the service's own words say best what is wrong.
  func classified(nowSeconds: Int64, isAdministrative: Bool = false) -> (kind: KMSError.Kind, detail: String) {
    let dependsOnClock = AWSErrorTable.dependsOnClock.contains(code)
    let (kind, detail) = RefusalRules.classified(
      status: status, code: code, kind: AWSErrorTable.kind(of: code),
      clock: AnswerClock(dateSeconds: dateSeconds, nowSeconds: nowSeconds), dependsOnClock: dependsOnClock,
      message: message)
    if isAdministrative, !message.isEmpty, !dependsOnClock, kind != .clockSkew { return (kind, message) }
    if kind == .unlisted, code == Self.malformedRequest {
      return (kind, "the KMS can't make sense of the request: the key id is malformed")
    }
    return (kind, detail)
  }

  /// The error type for a request whose values have no form that AWS KMS knows; of ours only the key id can.
  package static let malformedRequest = "ValidationException"
}

extension AWSRefusal {
  init(_ answer: HTTPAnswer) {
    self.init(
      status: answer.status, header: { answer.header($0) }, body: answer.body.readableBytesUInt8Span)
  }

  /// The service's id of the request an answer belongs to.
  static func requestID(_ answer: HTTPAnswer) -> String {
    answer.header("x-amzn-requestid") ?? answer.header("x-amz-request-id") ?? ""
  }

  /// Reads a refusal out of an HTTP answer: `x-amzn-errortype`, JSON `__type`, XML `<Code>`, in this order.
  init(status: Int, header: (String) -> String?, body: Span<UInt8>) {
    self.status = status
    dateSeconds = header("date").flatMap { CivilTime(httpDate: $0) }?.seconds
    requestID = AnswerText.cleaned(header("x-amzn-requestid") ?? header("x-amz-request-id") ?? "", limit: 80)
    let json = try? JSONReader.read(body)
    let typeOfBody = (json?.member("__type") ?? json?.member("code"))?.text(in: body)
    code = Self.code(header("x-amzn-errortype") ?? typeOfBody ?? AnswerText.element("Code", in: body) ?? "")
    let text =
      (json?.member("message") ?? json?.member("Message"))?.text(in: body) ?? AnswerText.element("Message", in: body)
    message = AnswerText.cleaned(text ?? "", limit: RefusalRules.maximumMessageLength)
    if requestID.isEmpty { requestID = AnswerText.cleaned(AnswerText.element("RequestId", in: body) ?? "", limit: 80) }
  }

  /// The bare name of an error type: without `namespace#` before it and `:url` behind; empty if it is no name.
  static func code(_ raw: String) -> String {
    let behind = raw.split(separator: "#", omittingEmptySubsequences: false).last ?? ""
    let bare = behind.split(separator: ":", omittingEmptySubsequences: false).first ?? ""
    return AnswerText.code(String(bare))
  }
}
