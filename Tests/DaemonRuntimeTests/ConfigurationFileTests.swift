// SPDX-License-Identifier: GPL-3.0-or-later
import Foundation
import Testing

@testable import DaemonRuntime

private struct Sample: DaemonConfiguration, Equatable {
  struct KMS: Decodable, Sendable, Equatable { var checkSeconds: Int? }
  static let keys = ["data", "listen", "kms.checkSeconds"]
  var data: String?
  var listen: String?
  var kms: KMS?
}

private func parse(_ text: String) throws(ConfigurationError) -> Sample {
  try ConfigurationFile.parse(Sample.self, data: Array(text.utf8), name: "sample.json")
}

private func refusal(_ text: String) -> ConfigurationError? {
  do {
    _ = try parse(text)
    return nil
  } catch { return error }
}

@Suite("A configuration file is taken as a whole or refused with a reason")
struct ConfigurationFileTests {
  @Test("reads keys and nested keys")
  func readsKeys() throws {
    let sample = try parse(#"{"data": "/var/lib/x", "kms": {"checkSeconds": 7}}"#)
    #expect(sample == Sample(data: "/var/lib/x", listen: nil, kms: .init(checkSeconds: 7)))
  }

  @Test("refuses an unknown key and names the nearest known one")
  func nearestKey() {
    #expect(refusal(#"{"lisen": "x"}"#)?.code == .unknownKey)
    #expect(refusal(#"{"lisen": "x"}"#)?.description.contains("did you mean 'listen'?") == true)
    #expect(refusal(#"{"kms": {"chekSeconds": 7}}"#)?.description.contains("'kms.checkSeconds'") == true)
  }

  @Test("lists the known keys if none is near")
  func farKey() {
    #expect(refusal(#"{"somethingElseAltogether": 1}"#)?.description.contains("the known keys are data, kms") == true)
  }

  @Test(
    "refuses what is no object, what has the wrong type and what is no JSON", arguments: ["[]", "", "7", "{", "nul"])
  func notAnObject(text: String) {
    #expect(refusal(text)?.code == .notJSON)
  }

  @Test("says which value has the wrong type")
  func wrongType() {
    #expect(refusal(#"{"data": 7}"#)?.code == .wrongType)
    #expect(refusal(#"{"data": 7}"#)?.description.contains("'data'") == true)
    #expect(refusal(#"{"kms": 7}"#)?.code == .wrongType)
  }

  @Test("shows no control characters of a hostile key")
  func hostileKey() {
    let error = refusal("{\"\\u001b[2Jevil\": 1}")
    #expect(error?.code == .unknownKey)
    #expect(error?.description.contains("\u{1b}") == false)
  }

  @Test("says that a missing file is missing")
  func missingFile() {
    #expect(throws: ConfigurationError.self) {
      try ConfigurationFile.load(Sample.self, path: "/nonexistent/keyfold.json")
    }
  }
}
