using Pipeline.Configuration;

namespace Pipeline.Telemetry.Tests;

public sealed class TelemetryOptionsSpec
{
    [Fact]
    public void Nothing_is_sent_anywhere_until_it_is_said()
    {
        var (options, problems) = Bind("");

        Assert.Empty(problems);
        Assert.Null(options.CloudWatch);
        Assert.Equal(TimeSpan.FromMinutes(1), options.Interval);
    }

    [Fact]
    public void CloudWatch_needs_a_region_and_no_more()
    {
        var (options, problems) = Bind("cloudwatch { region = eu-central-1 }");

        Assert.Empty(problems);
        Assert.Equal(("eu-central-1", null), (options.CloudWatch!.Aws.Region, options.CloudWatch.Namespace));
    }

    [Theory]
    [InlineData("endpoint = \"https://collector:4318\"", "https://collector:4318/v1/metrics")]
    [InlineData("endpoint = \"https://host/otlp/\"", "https://host/otlp/v1/metrics")]
    [InlineData("endpoint = \"http://127.0.0.1:9/own/v1/metrics\", headers { key = a }", "http://127.0.0.1:9/own/v1/metrics")]
    [InlineData("aws-region = eu-central-1", "https://monitoring.eu-central-1.amazonaws.com/v1/metrics")]
    public void A_receiver_of_OTLP_is_its_address_with_the_path_of_metrics_or_a_region_of_CloudWatch(string text, string address)
    {
        var (options, problems) = Bind($"otlp {{ {text} }}");

        Assert.Empty(problems);
        Assert.Equal(address, options.Otlp!.Endpoint.ToString());
    }

    [Theory]
    [InlineData("interval = 100ms", "interval", "too small")]
    [InlineData("interval = 2h", "interval", "too large")]
    [InlineData("cloudwatch { }", "cloudwatch", "is required")]
    [InlineData("cloudwatch { region = r, endpoint = \"s3://x\" }", "cloudwatch.endpoint", "is not an address")]
    [InlineData("cloudwatch { region = r, namespace = \"AWS/Mine\" }", "cloudwatch.namespace", "not beginning with AWS/")]
    [InlineData("cloudwatch { region = r, namespace = \"a b\" }", "cloudwatch.namespace", "letters, digits")]
    [InlineData("cloudwatch { region = r, node = true }", "cloudwatch.node", "no such setting")]
    [InlineData("otlp { }", "otlp.endpoint", "is required")]
    [InlineData("otlp { endpoint = \"collector:4318\" }", "otlp.endpoint", "is not an address")]
    [InlineData("otlp { endpoint = \"http://collector\", headers { key = a } }", "otlp.endpoint", "plain http")]
    [InlineData("otlp { endpoint = \"https://collector\", headers { \"a b\" = a } }", "otlp.headers", "no name of a header")]
    [InlineData("otlp { endpoint = \"https://collector\", compression = zstd }", "otlp.compression", "gzip, none")]
    [InlineData("otlp { endpoint = \"https://collector\", request-timeout = 1h }", "otlp.request-timeout", "too large")]
    [InlineData("spool { bytes-max = 1 KiB }", "spool.bytes-max", "too small")]
    [InlineData("retry { halted-min = 1h, halted-max = 1m }", "retry.halted-max", "shorter than halted-min")]
    public void What_is_wrong_is_told_with_its_place(string text, string path, string message)
    {
        var problem = Assert.Single(Bind($"\n{text}").Problems);

        Assert.StartsWith(path, problem.Path, StringComparison.Ordinal);
        Assert.InRange(problem.Location.Line, 1, 2);
        Assert.Contains(message, problem.Message, StringComparison.Ordinal);
    }

    private static (TelemetryOptions Options, List<ConfigProblem> Problems) Bind(string text)
    {
        var problems = new List<ConfigProblem>();
        return (TelemetryOptions.Bind(new SettingsReader(HoconReader.Read("a.conf", _ => text, _ => null), "", problems)), problems);
    }
}
