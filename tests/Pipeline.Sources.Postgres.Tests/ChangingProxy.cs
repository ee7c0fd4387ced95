using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;

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

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentBag<Socket> _open = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly int _serverPort;
    private readonly X509Certificate2 _certificate;
    private readonly Task _accepting;

    public ChangingProxy(int serverPort, (string Certificate, string Key) user)
    {
        _serverPort = serverPort;
        _certificate = X509Certificate2.CreateFromPem(user.Certificate, user.Key);
        _listener.Start();
        Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        _accepting = AcceptAsync();
    }

    public int Port { get; }

    /// <summary>What the source gets for a message of a copy (<c>CopyData</c>, manual 55.7), of any connection.</summary>
    public Func<byte[], byte[]> Change { get; set; } = content => content;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        foreach (var socket in _open) socket.Close(timeout: 0);
        await _accepting;
        _certificate.Dispose();
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptSocketAsync(_stop.Token);
                var server = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                client.NoDelay = true;
                _open.Add(client);
                _open.Add(server);
                await server.ConnectAsync(IPAddress.Loopback, _serverPort, _stop.Token);
                _ = ServeAsync(client, server);
            }
        }
        catch (Exception e) when (IsTheEnd(e))
        {
            // Closed.
        }
    }

    private async Task ServeAsync(Socket client, Socket server)
    {
        await using var fromClient = new NetworkStream(client, ownsSocket: true);
        await using var fromServer = new SslStream(new NetworkStream(server, ownsSocket: true));
        try
        {
            await EncryptAsync(fromServer, server);
            await StartAsync(fromClient, fromServer);
            await Task.WhenAny(fromClient.CopyToAsync(fromServer, _stop.Token), AnswerAsync(fromServer, fromClient));
        }
        catch (Exception e) when (IsTheEnd(e))
        {
            // One side is gone: so is the other.
        }
    }

    private async Task EncryptAsync(SslStream stream, Socket server)
    {
        var request = new byte[FirstPacketBytes];
        BinaryPrimitives.WriteInt32BigEndian(request, FirstPacketBytes);
        BinaryPrimitives.WriteInt32BigEndian(request.AsSpan(sizeof(int)), SslRequest);
        await server.SendAsync(request, _stop.Token);
        await server.ReceiveAsync(new byte[1], _stop.Token);
        await stream.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "localhost", ClientCertificates = [_certificate], RemoteCertificateValidationCallback = (_, _, _, _) => true }, _stop.Token);
    }

    /// <summary>Declines what a client asks for before it starts.</summary>
    private async Task StartAsync(NetworkStream client, SslStream server)
    {
        var first = new byte[FirstPacketBytes];
        while (true)
        {
            await client.ReadExactlyAsync(first, _stop.Token);
            if (BinaryPrimitives.ReadInt32BigEndian(first.AsSpan(sizeof(int))) is not (SslRequest or GssRequest)) break;
            await client.WriteAsync("N"u8.ToArray(), _stop.Token);
        }

        await server.WriteAsync(first, _stop.Token);
    }

    private async Task AnswerAsync(SslStream server, NetworkStream client)
    {
        await using var buffered = new BufferedStream(server, 64 << 10);
        var header = new byte[HeaderBytes];
        while (true)
        {
            await buffered.ReadExactlyAsync(header, _stop.Token);
            var content = new byte[BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(1)) - sizeof(int)];
            await buffered.ReadExactlyAsync(content, _stop.Token);
            if (header[0] == (byte)'d') content = Change(content);
            var message = new byte[HeaderBytes + content.Length];
            message[0] = header[0];
            BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(1), content.Length + sizeof(int));
            content.CopyTo(message, HeaderBytes);
            await client.WriteAsync(message, _stop.Token);
        }
    }

    private static bool IsTheEnd(Exception e) => e is IOException or SocketException or ObjectDisposedException or OperationCanceledException;
}
