using System.Text.RegularExpressions;

namespace Pipeline.Testing;

/// <summary>A <c>moto_server</c>: an S3 service in a child process on a free loopback port. It takes any credentials.</summary>
public sealed partial class MotoServer : IAsyncDisposable
{
    /// <summary>
    /// Runs a moto that answers the same in less time, where its insides are those that are known here. By itself it lists the directory of its services twice
    /// for each request and reads each time that it writes as a person's; and it compares each value of a metric that it lists with all before it, and
    /// looks through all for each series that is asked for: of what a busy machine has sent meanwhile that takes longer than any test waits.
    /// </summary>
    private const string Hurried = """
        import functools, runpy
        try:
            from moto import backends
            from moto.core import serialize
            services = list(backends.list_of_moto_modules())
            backends.list_of_moto_modules = lambda: services
            serialize.parse_to_aware_datetime = functools.lru_cache(1 << 16)(serialize.parse_to_aware_datetime)
        except (ImportError, AttributeError):
            pass
        try:
            from moto.cloudwatch.models import CloudWatchBackend
            read = CloudWatchBackend.get_metric_data
            CloudWatchBackend.get_all_metrics, CloudWatchBackend.get_filtered_metrics
        except (ImportError, AttributeError):
            CloudWatchBackend = None
        def series(value):
            return value.namespace, value.name, frozenset((d.name, d.value) for d in value.dimensions)
        def list_once(self, metric_name, namespace, dimensions):
            found = {}
            for value in self.get_all_metrics():
                if value.filter(namespace=namespace, name=metric_name, dimensions=dimensions): found.setdefault(series(value), value)
            return list(found.values())
        def read_own(self, queries, *span, **named):
            if any('MetricStat' not in query for query in queries): return read(self, queries, *span, **named)
            everything, own, results = self.metric_data, {}, []
            for value in everything: own.setdefault(series(value), []).append(value)
            try:
                for query in queries:
                    metric = query['MetricStat']['Metric']
                    dimensions = frozenset((d['Name'], d['Value']) for d in metric.get('Dimensions', []))
                    self.metric_data = own.get((metric['Namespace'], metric['MetricName'], dimensions), [])
                    results += read(self, [query], *span, **named)
            finally:
                self.metric_data = everything
            return results
        if CloudWatchBackend is not None: CloudWatchBackend.get_filtered_metrics, CloudWatchBackend.get_metric_data = list_once, read_own
        runpy.run_module('moto.server', run_name='__main__')
        """;

    private static readonly TimeSpan StartDeadline = Deadlines.Test;

    private readonly OutsideProgram _program;

    private MotoServer(OutsideProgram program, Uri url) => (_program, Url) = (program, url);

    public Uri Url { get; }

    /// <summary>The server, or what this machine lacks for it.</summary>
    public static async Task<(MotoServer? Server, string Missing)> TryStartAsync(CancellationToken cancellationToken)
    {
        if (OutsideProgram.TryStart("python3", ["-c", Hurried, "-H", "127.0.0.1", "-p", "0"]) is not { } program) return (null, "There is no python3.");
        if (await program.WaitForLineAsync(line => Listening().IsMatch(line), StartDeadline, cancellationToken) is { } found)
            return (new MotoServer(program, new Uri(Listening().Match(found).Groups["url"].Value)), "");
        await program.DisposeAsync();
        return (null, "python3 has no moto.server (pip install 'moto[server]').");
    }

    public ValueTask DisposeAsync() => _program.DisposeAsync();

    [GeneratedRegex(@"Running on (?<url>http://127\.0\.0\.1:\d+)", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant)]
    private static partial Regex Listening();
}
