using System.Text.Json;
using Amazon.Runtime;
using Pipeline.Core;

namespace Pipeline.Aws;

/// <summary>
/// Makes the calls of one service: signed for whom the process is, at the time that AWS has, each within a time limit, and
/// again while that is safe and may help.
/// </summary>
internal sealed class AwsCall : IDisposable
{
    /// <summary>Answers are lists of at most some hundred entries: more is none of AWS's.</summary>
    private const int AnswerBytesMax = 32 << 20;

    /// <summary>AWS refuses what is signed 5 minutes or more away from its clock: from here on the clock is to blame.</summary>
    private static readonly TimeSpan SkewMin = TimeSpan.FromMinutes(4);

    /// <summary>Who has no connection by then will have none: a name that leads nowhere does not refuse.</summary>
    private static readonly TimeSpan ConnectMax = TimeSpan.FromSeconds(5);

    private readonly AwsService _service;
    private readonly AwsSettings _settings;
    private readonly AwsSigner _signer;
    private readonly AwsCredentials _credentials;
    private readonly TimeProvider _time;
    private readonly HttpClient _http;
    private long _clockAheadTicks;

    /// <param name="credentials">Null: those that the SDK's chain finds.</param>
    /// <param name="transport">What carries requests, not disposed of here; null: the network.</param>
    public AwsCall(AwsService service, AwsSettings settings, TimeProvider time, AWSCredentials? credentials = null, HttpMessageHandler? transport = null)
    {
        (_service, _settings, _time) = (service, settings, time);
        _signer = new AwsSigner(service, settings.Region);
        _credentials = new AwsCredentials(credentials, service);
        Address = service.Address(settings);
        _http = transport is null ? new HttpClient(HttpTransport.Worded(Network(service))) : new HttpClient(HttpTransport.Worded(transport), disposeHandler: false);
        _http.Timeout = Timeout.InfiniteTimeSpan;
        _http.MaxResponseContentBufferSize = AnswerBytesMax;
    }

    /// <summary>Where requests go.</summary>
    public Uri Address { get; }

    private static SocketsHttpHandler Network(AwsService service)
    {
        var transport = HttpTransport.Create($"aws/{service.Name}");
        transport.ConnectTimeout = ConnectMax;
        return transport;
    }

    /// <summary>A call that may be carried out more than once: it asks, or changes nothing that it has changed already.</summary>
    /// <param name="isWhole">Whether an answer has what AWS's always has; null: it may be anything.</param>
    /// <exception cref="PipelineException">It is refused, or attempts are used up.</exception>
    public async Task<T> RepeatableAsync<T>(AwsRequest request, CancellationToken cancellationToken, Func<T, bool>? isWhole = null) =>
        await SettleAsync(request, isWhole, cancellationToken) switch
        {
            AwsReply<T>.Answered answered => answered.Value,
            AwsReply<T>.Unknown unknown => throw unknown.Cause,
            var other => throw new InvalidOperationException($"There is no reply {other}."),
        };

    /// <summary>As <see cref="RepeatableAsync{T}"/>, for who wants to know afterwards whether it can have been carried out: what is thrown was certainly not.</summary>
    /// <inheritdoc cref="RepeatableAsync{T}"/>
    public Task<AwsReply<T>> SettleAsync<T>(AwsRequest request, Func<T, bool>? isWhole, CancellationToken cancellationToken) => SendAsync(request, isRepeatable: true, isWhole, cancellationToken);

    /// <summary>
    /// A call that must not be carried out twice: made again only after what AWS has certainly not carried out. Cancelled
    /// while it is under way it may have been carried out as well.
    /// </summary>
    /// <inheritdoc cref="RepeatableAsync{T}"/>
    public Task<AwsReply<T>> OnceAsync<T>(AwsRequest request, CancellationToken cancellationToken, Func<T, bool>? isWhole = null) => SendAsync(request, isRepeatable: false, isWhole, cancellationToken);

    public void Dispose() => _http.Dispose();

    private async Task<AwsReply<T>> SendAsync<T>(AwsRequest request, bool isRepeatable, Func<T, bool>? isWhole, CancellationToken cancellationToken)
    {
        PipelineException? last = null;
        var (isAgain, isSettled) = (false, true);
        var (began, failures) = (_time.GetTimestamp(), 0);
        try
        {
            return await _settings.Retry.RunAsync<AwsReply<T>>(_time, async cancel =>
            {
                switch (await AttemptAsync(request, isWhole, cancel))
                {
                    case Attempt<T>.Answered answered:
                        return new AwsReply<T>.Answered(answered.Value);
                    case Attempt<T>.Failed failed:
                        isSettled &= failed.IsSettled;
                        isAgain = failed.IsAgain && (isRepeatable || isSettled) && !(failed.IsAway && _time.GetElapsedTime(began) + _settings.Retry.Delay(++failures) > _settings.AwayMax);
                        throw last = failed.Error;
                    case var other:
                        throw new InvalidOperationException($"There is no attempt {other}.");
                }
            }, cancellationToken, isTransient: e => e == last && isAgain);
        }
        catch (PipelineException e) when (e == last && !isSettled)
        {
            return new AwsReply<T>.Unknown(e);
        }
    }

    /// <summary>What became of one attempt.</summary>
    private abstract record Attempt<T>
    {
        public sealed record Answered(T Value) : Attempt<T>;

        /// <param name="IsAgain">Whether another attempt may help.</param>
        /// <param name="IsSettled">Whether AWS has certainly not carried it out.</param>
        /// <param name="IsAway">Whether nothing of AWS has answered.</param>
        public sealed record Failed(PipelineException Error, bool IsAgain, bool IsSettled = true, bool IsAway = false) : Attempt<T>;
    }

    private async Task<Attempt<T>> AttemptAsync<T>(AwsRequest request, Func<T, bool>? isWhole, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(_settings.RequestTimeout, _time);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        var isSent = false;
        PipelineException Away(string cause, Exception e) =>
            new(FaultKind.Unreachable, request.Thing, $"{request.Operation} is not answered: {cause}", TlsFlaw.In(e)?.NextStep ?? $"Check the network path to {Address}.", e) { Dependency = AwsFaults.Dependency(_service, Address) };
        try
        {
            var credentials = await _credentials.GetAsync(request.Thing, linked.Token);
            using var message = request.Message(Address);
            var at = _time.GetUtcNow() + TimeSpan.FromTicks(Interlocked.Read(ref _clockAheadTicks));
            _signer.Sign(message, request.Path, request.Query, request.Body, credentials, at);
            isSent = true;
            using var response = await _http.SendAsync(message, HttpCompletionOption.ResponseContentRead, linked.Token);
            var body = await response.Content.ReadAsByteArrayAsync(linked.Token);
            if (!response.IsSuccessStatusCode) return Refused<T>(request, response, body, credentials, at);
            var value = JsonSerializer.Deserialize<T>(body.Length == 0 ? "{}"u8 : body, AwsJson.Options);
            if (value is not null && (isWhole is null || isWhole(value))) return new Attempt<T>.Answered(value);
            throw new JsonException("it lacks what every answer to it has");
        }
        catch (PipelineException e)
        {
            return new Attempt<T>.Failed(e, e.IsTransient);
        }
        catch (JsonException e)
        {
            return new Attempt<T>.Failed(new PipelineException(FaultKind.Unreachable, request.Thing, $"the answer to {request.Operation} is none of {_service.Title}'s: {e.Message.ReplaceLineEndings(" ").TrimEnd('.')}",
                $"Look for a proxy between here and {Address}.", e) { Dependency = AwsFaults.Dependency(_service, Address) }, IsAgain: true, IsSettled: false);
        }
        catch (OperationCanceledException e) when (timeout.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            var late = Away($"nothing came within {_settings.RequestTimeout.TotalSeconds:0} s", e);
            return new Attempt<T>.Failed(late, IsAgain: true, IsSettled: !isSent, IsAway: true);
        }
        catch (OperationCanceledException e) when (e.InnerException is TimeoutException && !cancellationToken.IsCancellationRequested)
        {
            return new Attempt<T>.Failed(Away($"there is no connection within {ConnectMax.TotalSeconds:0} s", e), IsAgain: true, IsAway: true);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            return new Attempt<T>.Failed(Away(e.Message.ReplaceLineEndings(" ").TrimEnd('.'), e), IsAgain: true, IsSettled: !WasConnected(e), IsAway: true);
        }
    }

    /// <summary>No byte of a request goes out before there is a connection, and a secure one where it must be.</summary>
    private static bool WasConnected(Exception e) => e is not HttpRequestException
    {
        HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError or HttpRequestError.SecureConnectionError or HttpRequestError.ProxyTunnelError,
    };

    private Attempt<T> Refused<T>(AwsRequest request, HttpResponseMessage response, byte[] body, ImmutableCredentials credentials, DateTimeOffset at)
    {
        var refusal = AwsRefusal.Read(response.StatusCode, response.Headers, body, text => AwsCredentials.Hide(text, credentials));
        var explained = AwsFaults.Explain(request.Thing, _service, request.Operation, Address, refusal);
        var error = response.Headers.RetryAfter?.Delta is { } asked
            ? new PipelineException(explained.Kind, explained.Thing, explained.Cause, explained.NextStep, refusal) { Dependency = explained.Dependency, RetryAfter = asked } : explained;
        switch (AwsFaults.React(refusal))
        {
            case AwsReaction.Throttled:
                return new Attempt<T>.Failed(error, IsAgain: true);
            case AwsReaction.Unsettled:
                return new Attempt<T>.Failed(error, IsAgain: true, IsSettled: false);
            case AwsReaction.Expired:
                _credentials.Forget();
                return new Attempt<T>.Failed(error, IsAgain: true);
            case AwsReaction.Unsigned:
                return new Attempt<T>.Failed(error, IsAgain: IsClockSet(response, at));
            // What is none of AWS's may come from behind it as well: a proxy that answers for what it has passed on.
            case AwsReaction.Refused when refusal.Code is null:
                return new Attempt<T>.Failed(error, IsAgain: true, IsSettled: false);
            default:
                return new Attempt<T>.Failed(error, IsAgain: false);
        }
    }

    /// <summary>Whether AWS's clock is another than the one that was signed by; from now on it is signed by AWS's.</summary>
    private bool IsClockSet(HttpResponseMessage response, DateTimeOffset signedAt)
    {
        if (response.Headers.Date is not { } theirs || (theirs - signedAt).Duration() < SkewMin) return false;
        Interlocked.Exchange(ref _clockAheadTicks, (theirs - _time.GetUtcNow()).Ticks);
        return true;
    }
}
