using System.Globalization;
using Pipeline.Core.Metrics;
using Pipeline.Telemetry.Prometheus;

namespace Pipeline.Telemetry.Alerting;

/// <summary>How names stand in a query.</summary>
public enum PromForm
{
    /// <summary>As Prometheus scrapes them: <c>pipeline_table_freshness_seconds{pipeline="shop"}</c>.</summary>
    Underscores,

    /// <summary>As CloudWatch keeps what OTLP has brought, in the UTF-8 form of Prometheus 3: <c>{"pipeline.table.freshness", "@resource.service.name"="shop"}</c>.</summary>
    Dots,
}

/// <summary>A query in PromQL, which can be printed in either form.</summary>
public abstract record PromExpression
{
    public string Print(PromForm form)
    {
        var text = new System.Text.StringBuilder();
        Write(text, form);
        return text.ToString();
    }

    private protected abstract void Write(System.Text.StringBuilder text, PromForm form);

    /// <summary>Series of one instrument of a pipeline.</summary>
    /// <param name="Range">Null: as they are now.</param>
    /// <param name="Offset">As they were so long ago.</param>
    public sealed record Series(InstrumentInfo Instrument, string Pipeline, TimeSpan? Range = null, TimeSpan? Offset = null) : PromExpression
    {
        private protected override void Write(System.Text.StringBuilder text, PromForm form)
        {
            if (form == PromForm.Underscores) text.Append(CultureInfo.InvariantCulture, $"{PrometheusNames.Metric(Instrument)}{{{PipelineLabel(form)}={Quote(Pipeline)}}}");
            else text.Append(CultureInfo.InvariantCulture, $"{{{Quote(Instrument.Name)}, {PipelineLabel(form)}={Quote(Pipeline)}}}");
            if (Range is { } range) text.Append(CultureInfo.InvariantCulture, $"[{Time(range)}]");
            if (Offset is { } offset) text.Append(CultureInfo.InvariantCulture, $" offset {Time(offset)}");
        }
    }

    /// <summary>A series that a rule of Prometheus has recorded.</summary>
    public sealed record Recorded(string Name, string Pipeline, TimeSpan Range) : PromExpression
    {
        private protected override void Write(System.Text.StringBuilder text, PromForm form) =>
            text.Append(CultureInfo.InvariantCulture, $"{Name}{{{PipelineLabel(form)}={Quote(Pipeline)}}}[{Time(Range)}]");
    }

    public sealed record Call(string Function, PromExpression Argument) : PromExpression
    {
        private protected override void Write(System.Text.StringBuilder text, PromForm form)
        {
            text.Append(Function).Append('(');
            Argument.Write(text, form);
            text.Append(')');
        }
    }

    /// <summary>One series for each pipeline and each set of tags.</summary>
    public sealed record Aggregate(string Operator, IReadOnlyList<string> Tags, PromExpression Argument) : PromExpression
    {
        private protected override void Write(System.Text.StringBuilder text, PromForm form)
        {
            text.Append(CultureInfo.InvariantCulture, $"{Operator} by ({string.Join(", ", Tags.Select(tag => form == PromForm.Underscores ? PrometheusNames.Label(tag) : Bare(tag)).Prepend(PipelineLabel(form)))}) (");
            Argument.Write(text, form);
            text.Append(')');
        }
    }

    /// <param name="Operator">Such as <c>&lt;</c>, <c>or</c>, <c>unless</c>.</param>
    public sealed record Binary(PromExpression Left, string Operator, PromExpression Right) : PromExpression
    {
        private protected override void Write(System.Text.StringBuilder text, PromForm form)
        {
            text.Append('(');
            Left.Write(text, form);
            text.Append(CultureInfo.InvariantCulture, $" {Operator} ");
            Right.Write(text, form);
            text.Append(')');
        }
    }

    public sealed record Number(double Value) : PromExpression
    {
        private protected override void Write(System.Text.StringBuilder text, PromForm form) => text.Append(CultureInfo.InvariantCulture, $"{Value:R}");
    }

    /// <summary>What an expression was in the time until now, once a minute.</summary>
    public sealed record EachMinute(PromExpression Of, TimeSpan Range) : PromExpression
    {
        private protected override void Write(System.Text.StringBuilder text, PromForm form)
        {
            Of.Write(text, form);
            text.Append(CultureInfo.InvariantCulture, $"[{Time(Range)}:1m]");
        }
    }

    private static string PipelineLabel(PromForm form) => form == PromForm.Underscores ? PrometheusNames.PipelineLabel : "\"@resource.service.name\"";

    private static string Bare(string label) => label.All(letter => char.IsAsciiLetterOrDigit(letter) || letter == '_') ? label : Quote(label);

    private static string Quote(string text) => $"\"{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal)}\"";

    internal static string Time(TimeSpan time) => time.TotalMinutes % 1 == 0 ? $"{time.TotalMinutes:0}m" : $"{time.TotalSeconds:0}s";
}
