using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Text;

namespace Pipeline.Testing.Kafka;

/// <summary>One connection through a <see cref="KafkaProxy"/>.</summary>
internal sealed class KafkaProxyConnection(KafkaProxy proxy, Stream client, Stream broker) : IAsyncDisposable
{
    private readonly ConcurrentDictionary<int, KafkaRequestFrame> _asked = [];
    private readonly SemaphoreSlim _answering = new(1, 1);
    private bool _isAuthenticated = proxy.Username is null;

    /// <summary>Until one side has left.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task[] ways = [AskAsync(ending.Token), AnswerAsync(ending.Token)];
        var first = await Task.WhenAny(ways);
        await ending.CancelAsync();
        client.Close();
        broker.Close();
        await ((Task)Task.WhenAll(ways)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await first;
    }

    public async ValueTask DisposeAsync()
    {
        await client.DisposeAsync();
        await broker.DisposeAsync();
        _answering.Dispose();
    }

    private async Task AskAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var request = KafkaRequestFrame.Of(await ReadAsync(client, cancellationToken), proxy.Rules);
            proxy.Count(request.Api);
            if (request.Api is KafkaApi.SaslHandshake or KafkaApi.SaslAuthenticate)
            {
                await proxy.PassAsync(request.Api, cancellationToken);
                var (answer, isRefusal) = Authenticate(request);
                await AnswerAsync(answer, cancellationToken);
                if (isRefusal) return;
                continue;
            }

            // A broker closes connections that do not authenticate.
            if (!_isAuthenticated && request.Api != KafkaApi.ApiVersions) return;
            _asked[request.Correlation] = request;
            await WriteAsync(broker, request.Bytes, cancellationToken);
        }
    }

    private async Task AnswerAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var answer = await ReadAsync(broker, cancellationToken);
            if (_asked.TryRemove(BinaryPrimitives.ReadInt32BigEndian(answer), out var request))
            {
                await proxy.PassAsync(request.Api, cancellationToken);
                answer = KafkaAnswers.Rewrite(answer, request, proxy.Rules, proxy.AddressOf, proxy.Username is not null);
            }

            await AnswerAsync(answer, cancellationToken);
        }
    }

    private async Task AnswerAsync(byte[] answer, CancellationToken cancellationToken)
    {
        await _answering.WaitAsync(cancellationToken);
        try
        {
            await WriteAsync(client, answer, cancellationToken);
        }
        finally
        {
            _answering.Release();
        }
    }

    private (byte[] Answer, bool IsRefusal) Authenticate(KafkaRequestFrame request)
    {
        var answer = new FrameEditor([], isFlexible: false);
        answer.WriteInt32(request.Correlation);
        var error = proxy.Rules.ErrorOf(request.Api);
        if (request.Api == KafkaApi.SaslHandshake)
        {
            answer.WriteInt16((short)error);
            answer.WriteCount(1);
            answer.WriteText("PLAIN");
        }
        else
        {
            _isAuthenticated = error == KafkaError.None && IsKnown(request);
            if (!_isAuthenticated && error == KafkaError.None) error = KafkaError.SaslAuthenticationFailed;
            answer.WriteInt16((short)error);
            answer.WriteText(_isAuthenticated ? "" : "Authentication failed during authentication due to invalid credentials with SASL mechanism PLAIN");
            answer.WriteInt32(0);
        }

        return (answer.Finish(), error != KafkaError.None);
    }

    private bool IsKnown(KafkaRequestFrame request)
    {
        var length = BinaryPrimitives.ReadInt32BigEndian(request.Bytes.AsSpan(request.Body));
        return Encoding.UTF8.GetString(request.Bytes, request.Body + 4, length).Split('\0') is [_, var user, var given] && user == proxy.Username && given == proxy.Password;
    }

    private static async Task<byte[]> ReadAsync(Stream stream, CancellationToken cancellationToken)
    {
        var length = new byte[4];
        await stream.ReadExactlyAsync(length, cancellationToken);
        var frame = new byte[BinaryPrimitives.ReadInt32BigEndian(length)];
        await stream.ReadExactlyAsync(frame, cancellationToken);
        return frame;
    }

    private static async Task WriteAsync(Stream stream, byte[] frame, CancellationToken cancellationToken)
    {
        var framed = new byte[4 + frame.Length];
        BinaryPrimitives.WriteInt32BigEndian(framed, frame.Length);
        frame.CopyTo(framed, 4);
        await stream.WriteAsync(framed, cancellationToken);
    }
}
