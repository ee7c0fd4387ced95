using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using Npgsql;
using Pipeline.Core;

namespace Pipeline.Sources.Postgres.Client;

/// <summary>
/// A connection that speaks the frontend/backend protocol 3.0 (PostgreSQL manual, chapter 55) for the two things that move
/// many rows: COPY out and logical replication. Each message is a span over the receive buffer; Npgsql's streams cost
/// several times as much a row.
/// </summary>
/// <remarks>
/// Synchronous, by one thread, from the first byte: a socket that was ever used asynchronously is non-blocking for good, and
/// each wait of a blocking read then takes two more threads. Closing from another thread ends a blocked call at once.
/// </remarks>
internal sealed class WireConnection : IDisposable
{
    private const int SslRequestCode = 80_877_103;
    private const int ProtocolVersion = 3 << 16;
    private const int HeaderBytes = 5;

    /// <summary>What the server itself holds in one message at most, and some more.</summary>
    private const int MessageBytesMax = (1 << 30) + (1 << 20);
    private const int FirstBufferBytes = 256 << 10;

    /// <summary>How long changes gather, and where: what the server decodes in that time fits, at its best speed.</summary>
    private static readonly TimeSpan Gathering = TimeSpan.FromMilliseconds(10);
    private const int GatheringBytes = 256 << 10;

    private readonly Socket _socket;
    private int _version;
    private Stream _stream = Stream.Null;
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(FirstBufferBytes);
    private int _start;
    private int _end;
    private bool _isGathering;

    private WireConnection(Socket socket) => _socket = socket;

    /// <summary>Connects, encrypts and authenticates as the options say.</summary>
    /// <param name="parameters">Start-up parameters beside user, database and application name.</param>
    /// <param name="certificates">Told of the server's certificate and of our own.</param>
    public static async ValueTask<WireConnection> OpenAsync(PostgresSourceOptions options, string? password, IReadOnlyDictionary<string, string> parameters,
        KnownCertificates certificates, CancellationToken cancellationToken)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(options.ConnectTimeout);
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        var connection = new WireConnection(socket);
        try
        {
            var addresses = await Dns.GetHostAddressesAsync(options.Host, timeout.Token);
            // Closing the socket is how a cancellation reaches blocking calls.
            await using var cancellation = timeout.Token.Register(connection.Abort);
            await Task.Run(() => connection.Open(addresses, options, password, parameters, certificates), timeout.Token);
            return connection;
        }
        catch (Exception e)
        {
            connection.Dispose();
            cancellationToken.ThrowIfCancellationRequested();
            if (timeout.IsCancellationRequested) throw new TimeoutException($"no connection within {options.ConnectTimeout.TotalSeconds:0} s", e);
            throw;
        }
    }

    /// <summary>How intervals are written, as whoever answers has told; null: it has not.</summary>
    public string? IntervalStyle { get; private set; }

    /// <summary>The server's process that serves it.</summary>
    public int ProcessId { get; set; }

    /// <summary>Told while nothing comes from the server; null: nobody is.</summary>
    public Wait? Waiting { get; set; }

    /// <summary>Bytes that have arrived and not been looked at: whether <see cref="Read"/> would return without waiting.</summary>
    public bool HasMessage
    {
        get
        {
            var unread = _buffer.AsSpan(_start, _end - _start);
            return unread.Length >= HeaderBytes && unread.Length > BinaryPrimitives.ReadInt32BigEndian(unread[1..]);
        }
    }

    /// <summary>
    /// From now on, a wait for bytes lasts a moment at least. The server sends each change as soon as it has decoded it. A
    /// reader that waits for it is woken each time, and the server pays for the packet, the wake-up and the acknowledgement as
    /// much as for the change itself; a reader that comes back later finds many, and a receive buffer that fills meanwhile
    /// makes the server's system send many at once.
    /// </summary>
    public void GatherMessages()
    {
        _isGathering = true;
        _socket.ReceiveBufferSize = GatheringBytes;
    }

    /// <summary>Whether bytes wait in the socket. Encrypted ones may turn out to be less than a message.</summary>
    public bool Poll(TimeSpan wait) => _socket.Poll(wait, SelectMode.SelectRead);

    /// <summary>The next message: its type and its content, valid until the next call. Notices and parameters are passed over.</summary>
    /// <exception cref="PostgresException">The server reports an error.</exception>
    public byte Read(out ReadOnlySpan<byte> content)
    {
        while (true)
        {
            Require(HeaderBytes);
            // The length on the wire counts itself, not the type before it.
            var length = 1 + BinaryPrimitives.ReadInt32BigEndian(_buffer.AsSpan(_start + 1));
            if (length < HeaderBytes || length > MessageBytesMax) throw WireFault.Of($"a message of {Plural.Of(length, "byte")} is announced");
            Require(length);
            var type = _buffer[_start];
            content = _buffer.AsSpan(_start + HeaderBytes, length - HeaderBytes);
            _start += length;
            switch (type)
            {
                case (byte)'E':
                    throw ErrorMessage.Parse(content);
                case (byte)'S':
                    TakeParameter(content);
                    continue;
                case (byte)'N' or (byte)'A':
                    continue;
                default:
                    return type;
            }
        }
    }

    /// <summary>Runs a statement and passes over what it returns.</summary>
    public void Execute(string sql)
    {
        SendQuery(sql);
        ReadUntilReady();
    }

    /// <summary>Runs a statement and returns the fields of its only row as text.</summary>
    public IReadOnlyList<string?> QueryRow(string sql)
    {
        SendQuery(sql);
        var fields = new List<string?>();
        byte type;
        while ((type = Read(out var content)) != (byte)'Z')
        {
            if (type != (byte)'D') continue;
            var at = sizeof(short);
            for (var i = BinaryPrimitives.ReadInt16BigEndian(content); i > 0; i--)
            {
                var length = BinaryPrimitives.ReadInt32BigEndian(content[at..]);
                at += sizeof(int);
                if (length > content.Length - at) throw WireFault.Of($"a field of {Plural.Of(length, "byte")} stands in a row of {content.Length}");
                fields.Add(length < 0 ? null : Encoding.UTF8.GetString(content.Slice(at, length)));
                at += Math.Max(length, 0);
            }
        }

        return fields;
    }

    public void SendQuery(string sql) => Send((byte)'Q', [.. Encoding.UTF8.GetBytes(sql), 0]);

    /// <summary>Passes over messages to the end of the statement; an error in it is thrown when the end has come.</summary>
    public void ReadUntilReady()
    {
        PostgresException? error = null;
        while (true)
        {
            try
            {
                if (Read(out _) != (byte)'Z') continue;
                if (error is not null) throw error;
                return;
            }
            catch (PostgresException e) when (error is null && !ErrorMessage.IsFatal(e))
            {
                error = e;
            }
        }
    }

    public void Send(byte type, ReadOnlySpan<byte> content)
    {
        var message = new byte[HeaderBytes + content.Length];
        message[0] = type;
        BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(1), message.Length - 1);
        content.CopyTo(message.AsSpan(HeaderBytes));
        _stream.Write(message);
    }

    /// <summary>Ends the connection at once, from any thread; a blocked read fails.</summary>
    public void Abort() => _socket.Dispose();

    public void Dispose()
    {
        _stream.Dispose();
        _socket.Dispose();
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
    }

    private void Open(IPAddress[] addresses, PostgresSourceOptions options, string? password, IReadOnlyDictionary<string, string> parameters, KnownCertificates certificates)
    {
        _socket.Connect(addresses, options.Port);
        _socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, optionValue: true);
        _stream = new NetworkStream(_socket);
        if (options.Security.Tls != TlsMode.Disable) Encrypt(options, certificates);
        SendStart(options, parameters);
        new WireAuthentication(this, options.Security, password, _stream as SslStream).Run();
        if (SessionSettings.WithoutLimits(_version) is { } unlimited) Execute(unlimited);
        _stream.ReadTimeout = (int)options.RequestTimeout.TotalMilliseconds;
    }

    /// <summary>A name and a value, each with a zero behind it (manual 55.7, ParameterStatus).</summary>
    private void TakeParameter(ReadOnlySpan<byte> content)
    {
        if (content.StartsWith("IntervalStyle\0"u8)) IntervalStyle = Encoding.ASCII.GetString(content["IntervalStyle\0"u8.Length..]).TrimEnd('\0');
        if (!content.StartsWith("server_version\0"u8)) return;
        var version = content["server_version\0"u8.Length..];
        var digits = version.IndexOfAnyExceptInRange((byte)'0', (byte)'9');
        if (digits > 0) _version = int.Parse(version[..digits], CultureInfo.InvariantCulture);
    }

    private void Encrypt(PostgresSourceOptions options, KnownCertificates certificates)
    {
        var request = new byte[8];
        BinaryPrimitives.WriteInt32BigEndian(request, request.Length);
        BinaryPrimitives.WriteInt32BigEndian(request.AsSpan(4), SslRequestCode);
        _stream.Write(request);
        if (_stream.ReadByte() != 'S') throw new NpgsqlException("No SSL enabled connection from this host is configured.");

        var tls = new SslStream(_stream, leaveInnerStreamOpen: false);
        _stream = tls;
        tls.AuthenticateAsClient(WireTls.OptionsFor(options, certificates));
    }

    private void SendStart(PostgresSourceOptions options, IReadOnlyDictionary<string, string> parameters)
    {
        var message = new ArrayBufferWriter<byte>();
        BinaryPrimitives.WriteInt32BigEndian(message.GetSpan(2 * sizeof(int))[sizeof(int)..], ProtocolVersion);
        message.Advance(2 * sizeof(int));
        foreach (var (name, value) in parameters.Append(new("user", options.Security.Username)).Append(new("database", options.Database)).Append(new("client_encoding", "UTF8")))
            message.Write<byte>([.. Encoding.UTF8.GetBytes(name), 0, .. Encoding.UTF8.GetBytes(value), 0]);
        message.Write<byte>([0]);
        var bytes = message.WrittenSpan.ToArray();
        BinaryPrimitives.WriteInt32BigEndian(bytes, bytes.Length);
        _stream.Write(bytes);
    }

    /// <summary>Makes at least so many unread bytes available at <see cref="_start"/>.</summary>
    private void Require(int bytes)
    {
        if (_end - _start >= bytes) return;
        if (_start == _end) _start = _end = 0;
        if (_start + bytes > _buffer.Length) MoveToFront(bytes);
        while (_end - _start < bytes)
        {
            // Nothing but an error ends the pause early.
            if (_isGathering && _socket.Available == 0) _socket.Poll(Gathering, SelectMode.SelectError);
            Waiting?.Begin("the server has not answered a statement");
            var read = _stream.Read(_buffer.AsSpan(_end));
            Waiting?.End();
            if (read == 0) throw new EndOfStreamException("the server closed the connection");
            _end += read;
        }
    }

    private void MoveToFront(int bytes)
    {
        var unread = _buffer.AsSpan(_start, _end - _start);
        if (bytes > _buffer.Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(bytes, (int)Math.Min(_buffer.Length * 2L, Array.MaxLength)));
            unread.CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = larger;
        }
        else
        {
            unread.CopyTo(_buffer);
        }

        _end -= _start;
        _start = 0;
    }
}
