using System.Buffers.Binary;
using System.Net.Security;
using System.Net.Sockets;

namespace Pipeline.Sources.Kafka.Client;

/// <summary>Finds out what a port speaks, which the client library does not say.</summary>
internal static class PortTrial
{
    /// <summary>A question of version 0, which every broker answers (Kafka protocol guide, ApiVersions), without a client's name.</summary>
    private static readonly byte[] Question = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xFF, 0xFF];

    /// <summary>Whether it shows a certificate, whatever it wants of us then.</summary>
    public static async ValueTask<bool> SpeaksTlsAsync(string host, int port, CancellationToken cancellationToken)
    {
        var isShown = false;
        using var client = new TcpClient();
        await client.ConnectAsync(host, port, cancellationToken);
        await using var secure = new SslStream(client.GetStream(), leaveInnerStreamOpen: false, (_, certificate, _, _) => isShown = certificate is not null);
        try
        {
            await secure.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = host }, cancellationToken);
        }
        catch (Exception e) when (e is IOException or System.Security.Authentication.AuthenticationException)
        {
            // One that wants a certificate of ours ends it, after it has shown its own.
        }

        return isShown;
    }

    /// <summary>Whether it answers a broker's question in plain text.</summary>
    public static async ValueTask<bool> SpeaksPlainTextAsync(string host, int port, CancellationToken cancellationToken)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(host, port, cancellationToken);
        await using var stream = client.GetStream();
        return await AnswersAsync(stream, cancellationToken);
    }

    /// <summary>Whether who is connected answers a broker's question.</summary>
    public static async ValueTask<bool> AnswersAsync(Stream stream, CancellationToken cancellationToken)
    {
        await stream.WriteAsync(Question, cancellationToken);
        await stream.FlushAsync(cancellationToken);
        var answer = new byte[8];
        return await stream.ReadAtLeastAsync(answer, answer.Length, throwOnEndOfStream: false, cancellationToken) == answer.Length && BinaryPrimitives.ReadInt32BigEndian(answer.AsSpan(4)) == 1;
    }
}
