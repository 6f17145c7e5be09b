"""The senders that come with mxisd; each is imported when it is configured."""

from mxisd.notify.factories import SenderMaker

smtp = SenderMaker("smtp", "mxisd.notify.smtp", "E-mail by a mail server")
sendgrid = SenderMaker("sendgrid", "mxisd.notify.sendgrid", "E-mail by SendGrid")
twilio = SenderMaker("twilio", "mxisd.notify.twilio", "SMS by Twilio")
http = SenderMaker("http", "mxisd.notify.gateway", "Messages by any HTTP gateway")
none = SenderMaker("none", "mxisd.notify.discarding", "Discards every message")
