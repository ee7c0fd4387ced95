using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Amazon.Runtime;
using Microsoft.Extensions.Logging;
using Pipeline.Aws.CloudWatch;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Core.Metrics;
using Pipeline.Telemetry.Otlp;
using Pipeline.Testing;

namespace Pipeline.Telemetry.Tests.Otlp;

/// <summary>What is sent is read by OpenTelemetry's own definition, and what is answered is obeyed.</summary>
public sealed class OtlpSinkSpec
{
    private static readonly DateTimeOffset Start = new(2026, 3, 1, 10, 0, 0, TimeSpan.Zero);

    private static readonly InstrumentInfo Rows = new("Pipeline.Ingest", "pipeline.rows", InstrumentKind.Counter, "{row}", ["table"], "Rows");
    private static readonly InstrumentInfo Lag = new("Pipeline.Ingest", "pipeline.lag", InstrumentKind.Gauge, "s", [], "Lag");
    private static readonly InstrumentInfo Took = new("Pipeline.Transform", "pipeline.took", InstrumentKind.Histogram, "s", ["table"], "Time");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(OtlpCompression.Gzip)]
    [InlineData(OtlpCompression.None)]
    public async Task What_is_sent_is_a_request_of_OTLP_with_all_that_was_measured(OtlpCompression compression)
    {
        await using var receiver = await ScriptedReceiver.StartAsync();
        using var sink = Sink(receiver, options => options with { Compression = compression, Headers = new Dictionary<string, Secret> { ["x-api-key"] = new("key-1") } });

        await sink.SendAsync(Interval(new(Rows, ["bronze/app/ö"], 5, 17), new(Rows, ["b"], 1, 1), new(Lag, [], -2.5, -2.5), new(Took, ["a"], 3, 12.5, new Spread([1], [3]), new Spread([0.002, 0.9, 1e9], [1, 2, 4]))), Cancel);

        var sent = Assert.Single(receiver.Sent);
        Assert.Equal(("HTTP/1.1", "POST", "/v1/metrics"), (sent.Protocol, sent.Method, sent.Path));
        Assert.Equal(("application/x-protobuf", "key-1", compression == OtlpCompression.Gzip), (sent.Headers["content-type"], sent.Headers["x-api-key"], sent.Headers.ContainsKey("content-encoding")));
        var resource = Assert.Single((await OtlpDefinition.ReadAsync(sent.Message()))["resourceMetrics"]!.AsArray())!;
        Assert.Equal([("service.name", "shop"), ("service.instance.id", "node-1:4053")], Attributes(resource["resource"]!));
        Assert.Equal(["Pipeline.Ingest", "Pipeline.Transform"], resource["scopeMetrics"]!.AsArray().Select(scope => (string)scope!["scope"]!["name"]!));
        var metrics = resource["scopeMetrics"]!.AsArray().SelectMany(scope => scope!["metrics"]!.AsArray()).ToDictionary(metric => (string)metric!["name"]!, metric => metric!);

        var rows = metrics["pipeline.rows"];
        Assert.Equal(("Rows", "{row}", "AGGREGATION_TEMPORALITY_CUMULATIVE", true), ((string)rows["description"]!, (string)rows["unit"]!, (string)rows["sum"]!["aggregationTemporality"]!, (bool)rows["sum"]!["isMonotonic"]!));
        var first = rows["sum"]!["dataPoints"]![0]!;
        Assert.Equal((17, Nanoseconds(Start), Nanoseconds(Start.AddMinutes(10))), ((double)first["asDouble"]!, (string)first["startTimeUnixNano"]!, (string)first["timeUnixNano"]!));
        Assert.Equal([("pipeline", "shop"), ("table", "bronze/app/ö")], Attributes(first));
        Assert.Equal(2, rows["sum"]!["dataPoints"]!.AsArray().Count);
        Assert.Equal(-2.5, (double)metrics["pipeline.lag"]["gauge"]!["dataPoints"]![0]!["asDouble"]!);

        var took = metrics["pipeline.took"]["histogram"]!;
        var point = took["dataPoints"]![0]!;
        var (bounds, counts) = (point["explicitBounds"]!.AsArray().Select(bound => (double)bound!).ToList(), point["bucketCounts"]!.AsArray().Select(count => long.Parse((string)count!)).ToList());
        Assert.Equal(("AGGREGATION_TEMPORALITY_CUMULATIVE", "7", 12.5), ((string)took["aggregationTemporality"]!, (string)point["count"]!, (double)point["sum"]!));
        Assert.Equal((bounds.Count + 1, 7), (counts.Count, counts.Sum()));
        Assert.Equal((1, 2, 4), (counts[bounds.IndexOf(0.0025)], counts[bounds.IndexOf(1)], counts[^1]));
        Assert.Equal(bounds.Order(), bounds);
    }

    [Fact]
    public async Task CloudWatchs_own_endpoint_gets_what_botocore_would_have_signed()
    {
        await using var receiver = await ScriptedReceiver.StartAsync();
        using var sink = Sink(receiver, options => options with { AwsRegion = "eu-central-1" });

        await sink.SendAsync(Interval(new SeriesInterval(Rows, ["a"], 1, 1)), Cancel);

        var sent = Assert.Single(receiver.Sent);
        var signed = System.Text.RegularExpressions.Regex.Match(sent.Headers["authorization"], "^AWS4-HMAC-SHA256 Credential=key-of-test/([0-9]{8})/([^/]+)/([^/]+)/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$");
        Assert.True(signed.Success, sent.Headers["authorization"]);
        Assert.Equal(("eu-central-1", "monitoring"), (signed.Groups[2].Value, signed.Groups[3].Value));
        var names = signed.Groups[4].Value.Split(';');
        Assert.All((string[])["host", "content-type", "x-amz-date"], name => Assert.Contains(name, names));
        Assert.Equal(signed.Groups[5].Value, await BotocoreAsync(sent, names, sent.Body));
        Assert.NotEqual(signed.Groups[5].Value, await BotocoreAsync(sent, names, [.. sent.Body, 0]));
        Assert.Equal("https://monitoring.eu-central-1.amazonaws.com/v1/metrics", CloudWatchSigning.Endpoint("eu-central-1").ToString());
    }

    [Theory]
    [InlineData(429, FaultKind.Unreachable)]
    [InlineData(502, FaultKind.Unreachable)]
    [InlineData(503, FaultKind.Unreachable)]
    [InlineData(504, FaultKind.Unreachable)]
    [InlineData(400, FaultKind.Invalid)]
    [InlineData(413, FaultKind.Invalid)]
    [InlineData(500, FaultKind.Invalid)]
    [InlineData(401, FaultKind.NotAuthorised)]
    [InlineData(403, FaultKind.NotAuthorised)]
    [InlineData(404, FaultKind.Missing)]
    [InlineData(307, FaultKind.Missing)]
    public async Task A_refusal_is_of_the_kind_that_decides_what_follows_and_names_no_secret(int status, FaultKind kind)
    {
        await using var receiver = await ScriptedReceiver.StartAsync();
        receiver.Answer = (_, response) =>
        {
            (response.StatusCode, response.Headers.RetryAfter, response.Headers.Location) = (status, "17", "http://127.0.0.1:1/elsewhere");
            return Message(2, Encoding.UTF8.GetBytes("no use for\nsecret-9731 here"));
        };
        using var sink = Sink(receiver, options => options with { Headers = new Dictionary<string, Secret> { ["authorization"] = new("secret-9731") } });

        var refused = await Assert.ThrowsAsync<PipelineException>(() => sink.SendAsync(Interval(new SeriesInterval(Rows, ["a"], 1, 1)), Cancel));

        Assert.Equal((kind, TimeSpan.FromSeconds(17)), (refused.Kind, refused.RetryAfter));
        Assert.Contains($"HTTP {status}: no use for *** here", refused.Message, StringComparison.Ordinal);
        Assert.Single(receiver.Sent);
    }

    [Fact]
    public async Task A_receiver_that_is_away_or_does_not_answer_is_tried_again()
    {
        var gone = await ScriptedReceiver.StartAsync();
        using var sink = Sink(gone);
        await gone.DisposeAsync();
        await using var slow = await ScriptedReceiver.StartAsync();
        using var held = new ManualResetEventSlim();
        slow.Answer = (_, _) =>
        {
            held.Wait(Cancel);
            return [];
        };
        using var impatient = Sink(slow, options => options with { RequestTimeout = TimeSpan.FromMilliseconds(200) });

        var away = await Assert.ThrowsAsync<PipelineException>(() => sink.SendAsync(Interval(new SeriesInterval(Rows, ["a"], 1, 1)), Cancel));
        var late = await Assert.ThrowsAsync<PipelineException>(() => impatient.SendAsync(Interval(new SeriesInterval(Rows, ["a"], 1, 1)), Cancel));
        held.Set();

        Assert.Equal((FaultKind.Unreachable, FaultKind.Unreachable), (away.Kind, late.Kind));
        Assert.Contains("nothing came within 0.2 s", late.Cause, StringComparison.Ordinal);
        Assert.StartsWith("The receiver of OTLP at 127.0.0.1:", away.Dependency, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_receiver_has_not_taken_is_counted_and_said_once()
    {
        using var measured = new Measurements("sink", "otlp");
        await using var receiver = await ScriptedReceiver.StartAsync();
        receiver.Answer = (request, _) => request <= 2 ? Message(1, [.. Number(1, 3), .. Message(2, Encoding.UTF8.GetBytes("too old"))]) : [];
        var log = new Lines();
        using var sink = Sink(receiver, logs: log);

        for (var minute = 0; minute < 3; minute++) await sink.SendAsync(Interval(new SeriesInterval(Rows, ["a"], 1, 1)) with { To = Start.AddMinutes(minute) }, Cancel);

        Assert.Equal(6, measured.Sum(Instruments.TelemetryRejected));
        Assert.Collection(log.Said, line => Assert.Contains("has not taken 3 of 1 data points of metrics: too old", line, StringComparison.Ordinal), line => Assert.Contains("takes all data points of metrics again", line, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Many_points_are_sent_within_the_limits_of_a_request_and_what_was_taken_is_not_sent_twice()
    {
        await using var receiver = await ScriptedReceiver.StartAsync();
        receiver.Answer = (request, response) =>
        {
            if (request == 2) response.StatusCode = 503;
            return [];
        };
        using var sink = Sink(receiver);
        // Some fill a request by their number, the others by their bytes.
        var interval = Interval([.. Enumerable.Range(0, 1_200).Select(table => new SeriesInterval(Rows, [$"t{table}"], table, table)),
            .. Enumerable.Range(0, 400).Select(table => new SeriesInterval(Rows, [$"{new string('x', 5_000)}{table}"], table, table))]);

        await Assert.ThrowsAsync<PipelineException>(() => sink.SendAsync(interval, Cancel));
        await sink.SendAsync(interval, Cancel);

        List<string> tables = [];
        foreach (var sent in receiver.Sent.Where((_, i) => i != 1))
        {
            Assert.InRange(sent.Message().Length, 1, 1_000_000);
            var points = (await OtlpDefinition.ReadAsync(sent.Message()))["resourceMetrics"]![0]!["scopeMetrics"]![0]!["metrics"]![0]!["sum"]!["dataPoints"]!.AsArray();
            Assert.InRange(points.Count, 1, 1_000);
            tables.AddRange(points.Select(point => Attributes(point!)[1].Value));
        }

        Assert.Equal(interval.Series.Select(series => series.Tags[0]), tables);
        Assert.True(receiver.Sent.Count >= 6);
    }

    /// <summary>CloudWatch takes at most 150 labels of a point.</summary>
    [Fact]
    public void No_instrument_has_more_tags_than_receivers_take() => Assert.All(Instruments.All, instrument => Assert.InRange(instrument.Tags.Count, 0, 100));

    private static OtlpSink Sink(ScriptedReceiver receiver, Func<OtlpOptions, OtlpOptions>? change = null, ILoggerFactory? logs = null)
    {
        var options = new OtlpOptions { Endpoint = new Uri(receiver.Url, "/v1/metrics"), RequestTimeout = TimeSpan.FromMinutes(2) };
        return new OtlpSink(change?.Invoke(options) ?? options, new MetricSinkServices("shop", TimeProvider.System, logs ?? new Lines(), new LocalSecretStore()), new BasicAWSCredentials("key-of-test", "secret-of-test"));
    }

    private static MetricInterval Interval(params SeriesInterval[] series) => new("node-1:4053", Start, Start.AddMinutes(9), Start.AddMinutes(10), series);

    private static List<(string Name, string Value)> Attributes(JsonNode of) => [.. of["attributes"]!.AsArray().Select(attribute => ((string)attribute!["key"]!, (string)attribute["value"]!["stringValue"]!))];

    private static string Nanoseconds(DateTimeOffset at) => $"{at.ToUnixTimeSeconds()}000000000";

    private static byte[] Message(int field, byte[] content) => [(byte)((field << 3) | 2), (byte)content.Length, .. content];

    private static byte[] Number(int field, byte number) => [(byte)(field << 3), number];

    /// <summary>The signature that botocore makes for a request; skips the test where there is none.</summary>
    private static async Task<string> BotocoreAsync(SentRequest sent, string[] signed, byte[] body)
    {
        var given = JsonSerializer.Serialize(new { path = sent.Path, headers = sent.Headers, signed, body, key = "key-of-test", secret = "secret-of-test", service = "monitoring", region = "eu-central-1" });
        using var directory = new ScratchDirectory("otlp-");
        var file = Path.Combine(directory, "request.json");
        await File.WriteAllTextAsync(file, given, Cancel);
        await using var python = OutsideProgram.TryStart("python3", [OtlpDefinition.PathOf("sign.py"), file]);
        Assert.SkipWhen(python is null, "There is no python3.");
        var (exitCode, lines) = await python.WaitForExitAsync(Cancel);
        Assert.SkipWhen(lines.Any(line => line.Contains("No module named 'botocore'", StringComparison.Ordinal)), "python3 has no botocore (pip install botocore).");
        Assert.True(exitCode == 0, string.Join('\n', lines));
        return lines[^1];
    }

    /// <summary>What the log says, a line each.</summary>
    private sealed class Lines : ILoggerFactory, ILogger
    {
        public ConcurrentQueue<string> Said { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => Said.Enqueue(formatter(state, exception));

        public void Dispose()
        {
        }
    }
}
