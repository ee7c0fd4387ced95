using System.Buffers.Binary;
using System.Text;

namespace Pipeline.Emulation.Kafka;

/// <summary>The few messages of the Kafka protocol that are exchanged before a client is authenticated.</summary>
internal static class KafkaFrames
{
    public const short SaslHandshake = 17;
    public const short ApiVersions = 18;
    public const short SaslAuthenticate = 36;

    private const short SaslAuthenticationFailed = 58;
    private const short UnsupportedSaslMechanism = 33;

    /// <summary>A broker's ApiVersions answer (versions 0 to 2) with the two SASL requests added.</summary>
    public static byte[] WithSasl(byte[] answer)
    {
        // Correlation id, error, then an array of (key, first version, last version).
        const int countAt = 6, listAt = 10;
        if (BinaryPrimitives.ReadInt16BigEndian(answer.AsSpan(4)) != 0) return answer;
        short[] added = [SaslHandshake, 0, 1, SaslAuthenticate, 0, 0];
        var longer = new byte[answer.Length + added.Length * 2];
        answer.AsSpan(0, listAt).CopyTo(longer);
        BinaryPrimitives.WriteInt32BigEndian(longer.AsSpan(countAt), BinaryPrimitives.ReadInt32BigEndian(answer.AsSpan(countAt)) + 2);
        for (var i = 0; i < added.Length; i++) BinaryPrimitives.WriteInt16BigEndian(longer.AsSpan(listAt + i * 2), added[i]);
        answer.AsSpan(listAt).CopyTo(longer.AsSpan(listAt + added.Length * 2));
        return longer;
    }

    public static string ReadString(byte[] frame, int at) => Encoding.UTF8.GetString(frame, at + 2, BinaryPrimitives.ReadInt16BigEndian(frame.AsSpan(at)));

    public static byte[] ReadBytes(byte[] frame, int at) => frame.AsSpan(at + 4, BinaryPrimitives.ReadInt32BigEndian(frame.AsSpan(at))).ToArray();

    public static byte[] HandshakeAnswer(int correlation, bool isKnown, string mechanism)
    {
        var name = Encoding.UTF8.GetBytes(mechanism);
        var frame = new byte[4 + 2 + 4 + 2 + name.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame, correlation);
        BinaryPrimitives.WriteInt16BigEndian(frame.AsSpan(4), isKnown ? (short)0 : UnsupportedSaslMechanism);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(6), 1);
        BinaryPrimitives.WriteInt16BigEndian(frame.AsSpan(10), (short)name.Length);
        name.CopyTo(frame, 12);
        return frame;
    }

    /// <param name="token">What the mechanism says next; null: refused.</param>
    public static byte[] AuthenticateAnswer(int correlation, byte[]? token)
    {
        var reason = token is null ? "Authentication failed during authentication due to invalid credentials"u8.ToArray() : [];
        var frame = new byte[4 + 2 + 2 + reason.Length + 4 + (token?.Length ?? 0)];
        BinaryPrimitives.WriteInt32BigEndian(frame, correlation);
        BinaryPrimitives.WriteInt16BigEndian(frame.AsSpan(4), token is null ? SaslAuthenticationFailed : (short)0);
        BinaryPrimitives.WriteInt16BigEndian(frame.AsSpan(6), token is null ? (short)reason.Length : (short)-1);
        reason.CopyTo(frame, 8);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(8 + reason.Length), token?.Length ?? 0);
        token?.CopyTo(frame, 12 + reason.Length);
        return frame;
    }
}
