using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Http.Headers;
using Amazon.Runtime;
using Microsoft.Extensions.Logging;
using Pipeline.Aws.CloudWatch;
using Pipeline.Core;
using Pipeline.Core.Metrics;

namespace Pipeline.Telemetry.Otlp;

/// <summary>Sends intervals by OTLP over HTTP/1.1, in protobuf. What may be sent again is as OTLP's specification says, "OTLP/HTTP Response".</summary>
internal sealed partial class OtlpSink : IMetricSink, IDisposable
{
    private const string Thing = "Metrics by OTLP";

    /// <summary>An answer is a few numbers and a sentence.</summary>
    private const int AnswerBytesMax = 64 << 10;

    private readonly OtlpOptions _options;
    private readonly MetricSinkServices _services;
    private readonly HttpClient _http;
    private readonly ILogger _log;
    private readonly PipelineMeter _meter = new(Instruments.TelemetryMeter);
    private readonly Counter<long> _rejected;
    private MetricInterval? _interval;
    private Queue<OtlpRequest> _left = [];
    private string? _told;

    /// <param name="credentials">Of AWS; null: those of this process.</param>
    public OtlpSink(OtlpOptions options, MetricSinkServices services, AWSCredentials? credentials = null)
    {
        (_options, _services) = (options, services);
        _log = services.Logs.CreateLogger<OtlpSink>();
        _rejected = _meter.Counter(Instruments.TelemetryRejected);
        HttpMessageHandler transport = HttpTransport.Create("otlp/server");
        _http = new HttpClient(HttpTransport.Worded(options.AwsRegion is { } region ? new CloudWatchSigning(region, services.Time, transport, credentials) : transport))
        {
            Timeout = Timeout.InfiniteTimeSpan, MaxResponseContentBufferSize = AnswerBytesMax,
        };
    }

    public string Name => "otlp";

    public async Task SendAsync(MetricInterval interval, CancellationToken cancellationToken)
    {
        // The same as before: what was taken of it then is not sent twice.
        if (_interval is not { } before || (before.Node, before.Started, before.From, before.To) != (interval.Node, interval.Started, interval.From, interval.To))
            (_interval, _left) = (interval, new Queue<OtlpRequest>(OtlpRequest.Of(interval, _services.Pipeline)));
        while (_left.TryPeek(out var request))
        {
            Tell(request, await PostAsync(request, cancellationToken));
            _left.Dequeue();
        }

        _interval = null;
    }

    public void Dispose()
    {
        _http.Dispose();
        _meter.Dispose();
    }

    private async Task<OtlpAnswer> PostAsync(OtlpRequest request, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(_options.RequestTimeout, _services.Time);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            var (message, secrets) = await MessageAsync(request, linked.Token);
            using (message)
            {
                using var response = await _http.SendAsync(message, HttpCompletionOption.ResponseContentRead, linked.Token);
                var body = await response.Content.ReadAsByteArrayAsync(linked.Token);
                return response.IsSuccessStatusCode ? OtlpAnswer.OfSuccess(body) : throw Refused(response, Hide(OtlpAnswer.OfRefusal(body).Said, secrets));
            }
        }
        catch (OperationCanceledException e) when (timeout.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw Away($"nothing came within {_options.RequestTimeout.TotalSeconds:0.#} s", e);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw Away(e.Message.ReplaceLineEndings(" ").TrimEnd('.'), e);
        }
    }

    private async Task<(HttpRequestMessage Message, IReadOnlyList<string> Secrets)> MessageAsync(OtlpRequest request, CancellationToken cancellationToken)
    {
        var isCompressed = _options.Compression == OtlpCompression.Gzip;
        var message = new HttpRequestMessage(HttpMethod.Post, _options.Endpoint)
        {
            Version = HttpVersion.Version11, VersionPolicy = HttpVersionPolicy.RequestVersionExact, Content = new ByteArrayContent(isCompressed ? request.Compressed() : request.Body),
        };
        message.Content.Headers.ContentType = new MediaTypeHeaderValue("application/x-protobuf");
        if (isCompressed) message.Content.Headers.ContentEncoding.Add("gzip");
        List<string> secrets = [];
        foreach (var (name, secret) in _options.Headers)
        {
            var value = await _services.Secrets.RevealAsync(secret, cancellationToken);
            secrets.Add(value);
            if (value.AsSpan().ContainsAny('\r', '\n') || !message.Headers.TryAddWithoutValidation(name, value))
                throw new PipelineException(FaultKind.NotAuthorised, Thing, $"the header {name} cannot have the value that is configured", "Correct telemetry.otlp.headers: a value is one line.");
        }

        return (message, secrets);
    }

    /// <summary>Said once for as long as the reason is the same.</summary>
    private void Tell(OtlpRequest request, OtlpAnswer answer)
    {
        if (answer.Rejected > 0)
        {
            _rejected.Add(answer.Rejected, Instruments.TelemetryRejected.Tagged(Name));
            if (_told != answer.Said) LogRejected(_log, _options.Endpoint.Authority, answer.Rejected, request.Points, answer.Said);
            _told = answer.Said;
        }
        else if (_told is not null)
        {
            LogTaken(_log, _options.Endpoint.Authority);
            _told = null;
        }
    }

    private PipelineException Away(string cause, Exception e) =>
        new(FaultKind.Unreachable, Thing, $"{_options.Endpoint.Authority} does not answer: {cause}", "Check telemetry.otlp.endpoint, and that the receiver runs and can be reached.", e) { Dependency = Receiver };

    private PipelineException Refused(HttpResponseMessage response, string said)
    {
        var (kind, nextStep) = response.StatusCode switch
        {
            HttpStatusCode.TooManyRequests or HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout => (FaultKind.Unreachable, "If it lasts, look at the receiver: it is busy or away."),
            HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => (FaultKind.NotAuthorised, _options.AwsRegion is null ? "Check the key in telemetry.otlp.headers."
                : "Allow cloudwatch:PutMetricData to the role or user of this process, check its credentials, and set this machine's clock."),
            HttpStatusCode.NotFound or HttpStatusCode.MethodNotAllowed or (>= HttpStatusCode.Ambiguous and < HttpStatusCode.BadRequest) => (FaultKind.Missing, "Check telemetry.otlp.endpoint: nobody takes metrics there."),
            _ => (FaultKind.Invalid, "Look into the log of the receiver, which does not want it sent again."),
        };
        var cause = $"{_options.Endpoint.Authority} answers HTTP {(int)response.StatusCode}{(said.Length > 0 ? $": {said}" : "")}";
        return new PipelineException(kind, Thing, cause, nextStep) { Dependency = kind == FaultKind.Unreachable ? Receiver : null, RetryAfter = RetryAfterOf(response.Headers.RetryAfter) };
    }

    private string Receiver => $"The receiver of OTLP at {_options.Endpoint.Authority}";

    private TimeSpan? RetryAfterOf(RetryConditionHeaderValue? asked)
    {
        var pause = asked?.Delta ?? (asked?.Date - _services.Time.GetUtcNow());
        return pause > TimeSpan.Zero ? pause : null;
    }

    /// <summary>A receiver may repeat what it was sent.</summary>
    private static string Hide(string said, IReadOnlyList<string> secrets) => secrets.Where(secret => secret.Length > 0).Aggregate(said, (text, secret) => text.Replace(secret, "***", StringComparison.Ordinal));

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Receiver} has not taken {Rejected} of {Points} data points of metrics: {Said}. How many is measured as pipeline.telemetry.rejected; look into the receiver's log.")]
    private static partial void LogRejected(ILogger log, string receiver, long rejected, int points, string said);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Receiver} takes all data points of metrics again.")]
    private static partial void LogTaken(ILogger log, string receiver);
}
