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

private struct Ports: DaemonConfiguration {
  struct Listen: Decodable, Sendable { var port: UInt16? }
  static let keys = ["drivers.port"]
  var drivers: Listen?
}

private func ports(_ text: String) -> ConfigurationError? {
  do {
    _ = try ConfigurationFile.parse(Ports.self, data: Array(text.utf8), name: "ports.json")
    return nil
  } catch { return error }
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

  @Test(
    "names the key of a port that is none, and says what is one",
    arguments: ["70000", "-1", "1e30", "8080.5", "65536"])
  func port(_ text: String) {
    let error = ports("{\"drivers\": {\"port\": \(text)}}")
    #expect(error?.code == .invalidValue)
    #expect(error?.description.contains("'drivers.port' is") == true, "\(error?.description ?? "")")
    #expect(error?.description.contains("0 to 65535") == true)
  }

  @Test("takes every port there is", arguments: ["0", "1", "65535", "8080.0"])
  func goodPort(_ text: String) { #expect(ports("{\"drivers\": {\"port\": \(text)}}") == nil) }

  @Test("a port in quotes has the wrong type, by its name")
  func portOfOtherType() {
    let error = ports(#"{"drivers": {"port": "8080"}}"#)
    #expect(error?.code == .wrongType && error?.description.contains("'drivers.port'") == true)
  }

  @Test("a number that does not fit is told by its key", arguments: ["1e30", "7.5"])
  func number(_ text: String) {
    let error = refusal("{\"kms\": {\"checkSeconds\": \(text)}}")
    #expect(error?.code == .wrongType)
    #expect(error?.description.contains("'kms.checkSeconds' has to be a whole number") == true)
  }

  @Test(
    "refuses a key that stands twice, however it is written",
    arguments: [
      (#"{"data": "a", "listen": "b", "data": "c"}"#, "'data'"),
      (#"{"kms": {"checkSeconds": 1, "checkSeconds": 2}}"#, "'kms.checkSeconds'"),
      (#"{"kms": {"checkSeconds": 1}, "kms": {}}"#, "'kms'"),
      (##"{"data": "a", "d\u0061ta": "c"}"##, "'data'"),
    ])
  func twice(_ sample: (String, String)) {
    let error = refusal(sample.0)
    #expect(error?.code == .invalidValue)
    #expect(error?.description.contains("\(sample.1) stands there twice") == true, "\(error?.description ?? "")")
  }

  @Test(
    "takes the same word as key and value, and in two objects",
    arguments: [
      #"{"data": "data", "listen": "data"}"#, #"{"data": "a\"data\": {", "listen": "\\"}"#,
      #"{"kms": {"checkSeconds": 1}, "data": "checkSeconds"}"#,
    ])
  func onlyOnce(_ text: String) { #expect(refusal(text) == nil) }

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
