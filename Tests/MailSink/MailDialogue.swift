// SPDX-License-Identifier: GPL-3.0-or-later
internal import Foundation
internal import NIOCore
internal import NIOSSL
internal import NIOTLS
internal import Synchronization

/// One client's conversation with the sink (RFC 5321, RFC 3207, RFC 4954).
final class MailDialogue: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private enum Mode { case commands, password, message }

  private let sink: MailSink
  private let context: NIOSSLContext
  private var isSecure: Bool
  private var mode = Mode.commands
  private var pending = ""
  private var mail = MailSink.Mail(from: "", recipients: [], data: "")
  private var user: String?

  init(sink: MailSink, context: NIOSSLContext) {
    self.sink = sink
    self.context = context
    isSecure = sink.manner.isImplicit
  }

  func channelActive(context channel: ChannelHandlerContext) {
    if !sink.manner.isImplicit { say("220 sink ESMTP", channel) }
    channel.fireChannelActive()
  }

  func userInboundEventTriggered(context channel: ChannelHandlerContext, event: Any) {
    if sink.manner.isImplicit, case .some(.handshakeCompleted) = event as? TLSUserEvent {
      say("220 sink ESMTP", channel)
    }
    channel.fireUserInboundEventTriggered(event)
  }

  func channelRead(context channel: ChannelHandlerContext, data: NIOAny) {
    let text = String(buffer: unwrapInboundIn(data))
    if !isSecure { sink.state.withLock { $0.inTheClear += text } }
    pending += text
    while let end = pending.range(of: "\r\n") {
      let line = String(pending[..<end.lowerBound])
      pending = String(pending[end.upperBound...])
      take(line, channel)
    }
  }

  private func take(_ line: String, _ channel: ChannelHandlerContext) {
    switch mode {
    case .password:
      mode = .commands
      logIn(line, channel)
    case .message:
      guard line == "." else {
        mail.data += (line.hasPrefix("..") ? String(line.dropFirst()) : line) + "\r\n"
        return
      }
      mode = .commands
      mail.user = user
      sink.state.withLock { $0.mails.append(mail) }
      sink.take.yield(mail)
      say("250 taken", channel)
    case .commands: command(line, channel)
    }
  }

  private func command(_ line: String, _ channel: ChannelHandlerContext) {
    let words = line.split(separator: " ", maxSplits: 2).map(String.init)
    switch words.first?.uppercased() {
    case "EHLO", "HELO":
      let starts = sink.manner.offersTLS && !isSecure ? ["250-STARTTLS"] : []
      say((["250-sink"] + starts + ["250-AUTH PLAIN", "250 8BITMIME"]).joined(separator: "\r\n"), channel)
    case "STARTTLS": startTLS(channel)
    case "AUTH" where words.count == 3: logIn(words[2], channel)
    case "AUTH":
      mode = .password
      say("334 ", channel)
    case "MAIL":
      let failure = sink.state.withLock { $0.failures.isEmpty ? nil : $0.failures.removeFirst() }
      if let failure { return say(failure, channel) }
      mail = MailSink.Mail(from: address(line), recipients: [], data: "")
      say(user == nil ? "530 log in first" : "250 ok", channel)
    case "RCPT":
      mail.recipients.append(address(line))
      say("250 ok", channel)
    case "DATA":
      mode = .message
      say("354 go on", channel)
    case "QUIT":
      say("221 bye", channel)
      channel.close(promise: nil)
    default: say("250 ok", channel)
    }
  }

  private func startTLS(_ channel: ChannelHandlerContext) {
    guard sink.manner.offersTLS, !isSecure else { return say("502 no", channel) }
    say("220 go on", channel)
    isSecure = true
    // What came in the clear behind the command is not taken as if it had been said inside TLS.
    pending = ""
    do { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context), position: .first) } catch
    { channel.close(promise: nil) }
  }

  private func logIn(_ encoded: String, _ channel: ChannelHandlerContext) {
    let decoded = Data(base64Encoded: encoded).map { String(decoding: $0, as: UTF8.self) } ?? ""
    let parts = decoded.split(separator: "\0", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 3, parts[1] == sink.manner.user, parts[2] == sink.manner.password else {
      return say("535 wrong user or password", channel)
    }
    user = parts[1]
    say("235 welcome", channel)
  }

  private func address(_ line: String) -> String {
    guard let open = line.firstIndex(of: "<"), let close = line.firstIndex(of: ">"), open < close else { return "" }
    return String(line[line.index(after: open)..<close])
  }

  private func say(_ text: String, _ channel: ChannelHandlerContext) {
    channel.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text + "\r\n")), promise: nil)
  }
}
