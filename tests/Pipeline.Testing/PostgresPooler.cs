using System.Buffers.Binary;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Pipeline.Testing;

/// <summary>
/// Stands between the source and the server as a connection pooler does, which reads how a client starts: parameters that it does not
/// know are refused in PgBouncer's words, or left out where it is told to ignore them. Encrypted towards the server alone, where it is known
/// by its user's certificate (a password would be bound to one encryption of the whole way).
/// </summary>
public sealed class PostgresPooler : IAsyncDisposable
{
    /// <summary>Manual 55.7: in place of a start-up packet, a question that is answered by one byte.</summary>
    private const int SslRequest = 80_877_103;
    private const int GssRequest = 80_877_104;

    private readonly AcceptingPort _port;
    private readonly int _serverPort;
    private readonly X509Certificate2 _certificate;
    private readonly IReadOnlyCollection<string> _refused;
    private readonly IReadOnlyCollection<string> _ignored;

    /// <param name="serverPort">On 127.0.0.1, with TLS.</param>
    /// <param name="user">PEM of a certificate and its key.</param>
    /// <param name="refused">Parameters of a start that are not supported.</param>
    /// <param name="ignored">Those that are not passed on (<c>ignore_startup_parameters</c>).</param>
    public PostgresPooler(int serverPort, (string Certificate, string Key) user, IReadOnlyCollection<string> refused, IReadOnlyCollection<string> ignored)
    {
        _serverPort = serverPort;
        _certificate = X509Certificate2.CreateFromPem(user.Certificate, user.Key);
        _refused = refused;
        _ignored = ignored;
        _port = new AcceptingPort(ServeAsync);
    }

    public int Port => _port.Port;

    public async ValueTask DisposeAsync()
    {
        await _port.DisposeAsync();
        _certificate.Dispose();
    }

    private async Task ServeAsync(Socket client, CancellationToken stopping)
    {
        client.NoDelay = true;
        await using var fromClient = new NetworkStream(client, ownsSocket: true);
        try
        {
            var start = await ReadStartAsync(fromClient, stopping);
            if (start.FirstOrDefault(parameter => _refused.Contains(parameter.Name)) is { Name: { } unknown })
            {
                await fromClient.WriteAsync(Refusal($"unsupported startup parameter: {unknown}"), stopping);
                return;
            }

            using var server = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            await server.ConnectAsync(IPAddress.Loopback, _serverPort, stopping);
            await using var fromServer = new SslStream(new NetworkStream(server, ownsSocket: true));
            await EncryptAsync(fromServer, server, stopping);
            await fromServer.WriteAsync(StartOf(start.Where(parameter => !_ignored.Contains(parameter.Name))), stopping);
            await Task.WhenAny(fromClient.CopyToAsync(fromServer, stopping), fromServer.CopyToAsync(fromClient, stopping));
        }
        catch (Exception e) when (IsTheEnd(e))
        {
            // One side is gone: so is the other.
        }
    }

    private async Task EncryptAsync(SslStream stream, Socket server, CancellationToken stopping)
    {
        var request = new byte[2 * sizeof(int)];
        BinaryPrimitives.WriteInt32BigEndian(request, request.Length);
        BinaryPrimitives.WriteInt32BigEndian(request.AsSpan(sizeof(int)), SslRequest);
        await server.SendAsync(request, stopping);
        await server.ReceiveAsync(new byte[1], stopping);
        await stream.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "localhost", ClientCertificates = [_certificate], RemoteCertificateValidationCallback = (_, _, _, _) => true }, stopping);
    }

    /// <summary>The parameters of a client, which is told that nothing is encrypted.</summary>
    private async Task<List<(string Name, string Value)>> ReadStartAsync(NetworkStream client, CancellationToken stopping)
    {
        var head = new byte[2 * sizeof(int)];
        while (true)
        {
            await client.ReadExactlyAsync(head, stopping);
            if (BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(sizeof(int))) is not (SslRequest or GssRequest)) break;
            await client.WriteAsync("N"u8.ToArray(), stopping);
        }

        var content = new byte[BinaryPrimitives.ReadInt32BigEndian(head) - head.Length];
        await client.ReadExactlyAsync(content, stopping);
        var parts = Encoding.UTF8.GetString(content).Split('\0');
        return [.. Enumerable.Range(0, parts.Length / 2).Select(i => (Name: parts[2 * i], Value: parts[2 * i + 1])).Where(parameter => parameter.Name.Length > 0)];
    }

    private static byte[] StartOf(IEnumerable<(string Name, string Value)> parameters)
    {
        var content = Encoding.UTF8.GetBytes(string.Concat(parameters.Select(parameter => $"{parameter.Name}\0{parameter.Value}\0")) + "\0");
        var message = new byte[2 * sizeof(int) + content.Length];
        BinaryPrimitives.WriteInt32BigEndian(message, message.Length);
        BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(sizeof(int)), 3 << 16);
        content.CopyTo(message, 2 * sizeof(int));
        return message;
    }

    private static byte[] Refusal(string text)
    {
        byte[] content = [.. Encoding.UTF8.GetBytes($"SFATAL\0C08P01\0M{text}\0"), 0];
        var error = new byte[1 + sizeof(int) + content.Length];
        error[0] = (byte)'E';
        BinaryPrimitives.WriteInt32BigEndian(error.AsSpan(1), error.Length - 1);
        content.CopyTo(error, 1 + sizeof(int));
        return error;
    }

    private static bool IsTheEnd(Exception e) => e is IOException or SocketException or ObjectDisposedException or OperationCanceledException;
}
