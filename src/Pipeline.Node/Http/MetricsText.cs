using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;
using Pipeline.Telemetry;
using Pipeline.Telemetry.Prometheus;

namespace Pipeline.Node.Http;

/// <summary>What a node measures, as an answer: in OpenMetrics where the asker prefers it.</summary>
internal static class MetricsText
{
    private const string OpenMetrics = "application/openmetrics-text";

    /// <summary>Tags whose values are words of ours, and never a name that somebody has given.</summary>
    private static readonly HashSet<string> Nameless = new(["kind", "layer", "after"], StringComparer.Ordinal);

    /// <param name="namesTables">Whether series of single tables, sources and the like are told.</param>
    public static Task WriteAsync(HttpContext http, MetricInterval interval, string pipeline, bool namesTables)
    {
        if (!namesTables) interval = interval with { Series = [.. interval.Series.Where(series => series.Instrument.Tags.All(Nameless.Contains))] };

        var format = FormatOf(http.Request.GetTypedHeaders().Accept);
        http.Response.ContentType = format == PrometheusFormat.OpenMetrics ? $"{OpenMetrics}; version=1.0.0; charset=utf-8" : "text/plain; version=0.0.4; charset=utf-8";
        http.Response.Headers.CacheControl = "no-store";
        return http.Response.WriteAsync(PrometheusText.Of(interval, pipeline, format), http.RequestAborted);
    }

    /// <summary>The form that is asked for most; text where nothing is said.</summary>
    public static PrometheusFormat FormatOf(IList<MediaTypeHeaderValue> accepted)
    {
        double QualityOf(Func<MediaTypeHeaderValue, bool> isIt) => accepted.Where(isIt).Select(type => type.Quality ?? 1).DefaultIfEmpty(0).Max();
        var open = QualityOf(type => type.MediaType.Equals(OpenMetrics, StringComparison.OrdinalIgnoreCase));
        return open > 0 && open >= QualityOf(type => type.MediaType.Equals("text/plain", StringComparison.OrdinalIgnoreCase)) ? PrometheusFormat.OpenMetrics : PrometheusFormat.Text;
    }
}
