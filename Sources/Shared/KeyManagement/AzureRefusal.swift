// SPDX-License-Identifier: GPL-3.0-or-later

internal import NIOCore

/// Makes errors of answers of a vault that are not a success.
struct AzureRefusal: Sendable {
  let key: AzureKeyID
  /// Who issues the tokens, nil for the machine's metadata service.
  let issuer: HTTPEndpoint?
  let tenant: String?
  let clock: WallClock

  func error(_ answer: HTTPAnswer, _ call: KMSCall) -> KMSError {
    let bytes = answer.body.readableBytesUInt8Span
    let item = (try? JSONReader.read(bytes))?.member("error")
    let code = AnswerText.code(item?.member("code")?.text(in: bytes))
    let nested = item?.member("innererror") ?? item?.member("innerError")
    let inner = AnswerText.code(nested?.member("code")?.text(in: bytes))
    let message = AnswerText.cleaned(
      item?.member("message")?.text(in: bytes) ?? "", limit: RefusalRules.maximumMessageLength)
    let shown = inner.isEmpty ? code : "\(code)/\(inner)"
    let requestID = AnswerText.cleaned(answer.header("x-ms-request-id") ?? "", limit: 80)
    let (kind, detail) = RefusalRules.classified(
      status: answer.status, code: code,
      kind: AzureErrorTable.kind(code: code, inner: inner, operation: call.operation),
      clock: AnswerClock(answer, nowSeconds: clock.nowSeconds), dependsOnClock: code == "Unauthorized",
      message: message)
    if kind == .credentialsRefused, let why = challengeFault(answer) {
      return call.error(.malformedAnswer, code: shown, requestID: requestID, why + "; nothing was sent there")
    }
    return call.error(kind, code: shown, requestID: requestID, detail)
  }

  /// Why a 401 is none of the key's vault; nil if it is one.
  private func challengeFault(_ answer: HTTPAnswer) -> String? {
    guard answer.status == 401, let header = answer.header("www-authenticate"), let challenge = AzureChallenge(header)
    else { return "the refusal of the token has not the form that a vault's has" }
    return challenge.mismatch(with: key, issuer: issuer, tenant: tenant)
  }
}
