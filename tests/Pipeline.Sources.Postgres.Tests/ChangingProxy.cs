using System.Buffers.Binary;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Pipeline.Testing;

namespace Pipeline.Sources.Postgres.Tests;

/// <summary>
/// Stands between the source and the server, encrypted towards the server alone, where it is known by its user's certificate (a
/// password would be bound to one encryption of the whole way). Gives other bytes in place of what the server sends: rows of COPY
/// and messages of pgoutput, each in the message of the protocol that it came in.
/// </summary>
internal sealed class ChangingProxy : IAsyncDisposable
{
    private const int HeaderBytes = 5;
    private const int FirstPacketBytes = 8;

    /// <summary>Manual 55.7: in place of a start-up packet, a question that is answered by one byte.</summary>
    private const int SslRequest = 80_877_103;
    private const int GssRequest = 80_877_104;

    private readonly AcceptingPort _port;
    private readonly int _serverPort;
    private readonly X509Certificate2 _certificate;

    public ChangingProxy(int serverPort, (string Certificate, string Key) user)
    {
        _serverPort = serverPort;
        _certificate = X509Certificate2.CreateFromPem(user.Certificate, user.Key);
        _port = new AcceptingPort(ServeAsync);
    }

    public int Port => _port.Port;

    /// <summary>What the source gets for a message of a copy (<c>CopyData</c>, manual 55.7), of any connection.</summary>
    public Func<byte[], byte[]> Change { get; set; } = content => content;

    public async ValueTask DisposeAsync()
    {
        await _port.DisposeAsync();
        _certificate.Dispose();
    }

    private async Task ServeAsync(Socket client, CancellationToken stopping)
    {
        client.NoDelay = true;
        await using var fromClient = new NetworkStream(client, ownsSocket: true);
        using var server = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await server.ConnectAsync(IPAddress.Loopback, _serverPort, stopping);
            await using var fromServer = new SslStream(new NetworkStream(server, ownsSocket: true));
            await EncryptAsync(fromServer, server, stopping);
            await StartAsync(fromClient, fromServer, stopping);
            await Task.WhenAny(fromClient.CopyToAsync(fromServer, stopping), AnswerAsync(fromServer, fromClient, stopping));
        }
        catch (Exception e) when (IsTheEnd(e))
        {
            // One side is gone: so is the other.
        }
    }

    private async Task EncryptAsync(SslStream stream, Socket server, CancellationToken stopping)
    {
        var request = new byte[FirstPacketBytes];
        BinaryPrimitives.WriteInt32BigEndian(request, FirstPacketBytes);
        BinaryPrimitives.WriteInt32BigEndian(request.AsSpan(sizeof(int)), SslRequest);
        await server.SendAsync(request, stopping);
        await server.ReceiveAsync(new byte[1], stopping);
        await stream.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "localhost", ClientCertificates = [_certificate], RemoteCertificateValidationCallback = (_, _, _, _) => true }, stopping);
    }

    /// <summary>Declines what a client asks for before it starts.</summary>
    private async Task StartAsync(NetworkStream client, SslStream server, CancellationToken stopping)
    {
        var first = new byte[FirstPacketBytes];
        while (true)
        {
            await client.ReadExactlyAsync(first, stopping);
            if (BinaryPrimitives.ReadInt32BigEndian(first.AsSpan(sizeof(int))) is not (SslRequest or GssRequest)) break;
            await client.WriteAsync("N"u8.ToArray(), stopping);
        }

        await server.WriteAsync(first, stopping);
    }

    private async Task AnswerAsync(SslStream server, NetworkStream client, CancellationToken stopping)
    {
        await using var buffered = new BufferedStream(server, 64 << 10);
        var header = new byte[HeaderBytes];
        while (true)
        {
            await buffered.ReadExactlyAsync(header, stopping);
            var content = new byte[BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(1)) - sizeof(int)];
            await buffered.ReadExactlyAsync(content, stopping);
            if (header[0] == (byte)'d') content = Change(content);
            var message = new byte[HeaderBytes + content.Length];
            message[0] = header[0];
            BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(1), content.Length + sizeof(int));
            content.CopyTo(message, HeaderBytes);
            await client.WriteAsync(message, stopping);
        }
    }

    private static bool IsTheEnd(Exception e) => e is IOException or SocketException or ObjectDisposedException or OperationCanceledException;
}
