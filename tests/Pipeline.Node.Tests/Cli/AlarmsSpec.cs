using Amazon.Runtime;
using Pipeline.Aws;
using Pipeline.Aws.CloudWatch;
using Pipeline.Node.Cli;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Cli;

/// <summary>Alarms and dashboards are put into a CloudWatch, and each request is read by AWS's own model on its way.</summary>
public sealed class AlarmsSpec : IDisposable
{
    private readonly ScratchDirectory _directory = new("pipeline-alarms-");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private readonly AmazonServices _aws;

    public AlarmsSpec(AmazonServices aws)
    {
        _aws = aws;
        // The verbs take the process's own credentials, as those of a role are.
        Environment.SetEnvironmentVariable("AWS_ACCESS_KEY_ID", "test");
        Environment.SetEnvironmentVariable("AWS_SECRET_ACCESS_KEY", "test");
        File.Copy(Path.Combine(Repository.Root, "hocon", "akka.conf"), Path.Combine(_directory, "akka.conf"));
    }

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task What_is_put_is_there_the_difference_is_told_first_and_what_others_made_is_not_touched()
    {
        await using var cloudWatch = new CompositeAlarmServer(await _aws.UrlAsync(Cancel));
        var (check, noCheck) = await AwsWireCheck.TryStartAsync(cloudWatch.Url, Cancel);
        Assert.SkipWhen(check is null, noCheck);
        await using var wire = check;
        using var others = new CloudWatchClient(new AwsSettings { Region = "eu-central-1", Endpoint = cloudWatch.Url }, TimeProvider.System, new BasicAWSCredentials("test", "test"));
        var stranger = new MetricAlarm
        {
            AlarmName = "pipeline-shop-mine", AlarmDescription = "", MetricName = "m", Namespace = "n", Statistic = "Sum", Period = 60, EvaluationPeriods = 1, Threshold = 1, ComparisonOperator = "GreaterThanThreshold",
        };
        await others.PutAlarmAsync(stranger, Cancel);

        // Nothing is there: all is to be made, by whoever asks for it.
        var config = Write("shop", check.Url, "users { topic = users }, orders { topic = orders }");
        var before = await NodeRun.OfAsync("alarms", "show", "-o", "json", "-c", config);
        Assert.True(before.ExitCode == ExitCode.PlanHasChanges, before.Messages);
        Assert.All(Alarms(before), alarm => Assert.Equal("create", alarm.Change));
        await ExpectAsync(ExitCode.Done, "alarms", "put", "-c", config);
        Assert.Contains("as it should.", await ExpectAsync(ExitCode.Done, "alarms", "show", "-c", config), StringComparison.Ordinal);

        // Another pipeline, whose name begins with this one's.
        var second = Write("shop-b", check.Url, "users { topic = users }");
        await ExpectAsync(ExitCode.Done, "alarms", "put", "-c", second);
        await ExpectAsync(ExitCode.Done, "alarms", "show", "-c", config);

        // A table less, and another page of what to do.
        config = Write("shop", check.Url, "users { topic = users }", "alarms { runbook = \"https://wiki/observability\" }");
        var changed = await NodeRun.OfAsync("alarms", "show", "-o", "json", "-c", config);
        Assert.Equal(ExitCode.PlanHasChanges, changed.ExitCode);
        Assert.Equal(["pipeline-shop-TableLate-bronze/events/orders", "pipeline-shop-TableSilent-bronze/events/orders"], Alarms(changed).Where(alarm => alarm.Change == "delete").Select(alarm => alarm.Name));
        Assert.Contains(("pipeline-shop-TableHalted", "change", "AlarmDescription"), Alarms(changed));
        await ExpectAsync(ExitCode.Done, "alarms", "put", "-c", config);
        await ExpectAsync(ExitCode.Done, "alarms", "show", "-c", config);
        await ExpectAsync(ExitCode.Done, "alarms", "show", "-c", second);

        // A name that somebody else has: nothing is put.
        await others.PutAlarmAsync(stranger with { AlarmName = "pipeline-third-TableHalted" }, Cancel);
        var third = Write("third", check.Url, "users { topic = users }");
        Assert.Contains("lacks the tags", await ExpectAsync(ExitCode.Failed, "alarms", "put", "-c", third), StringComparison.Ordinal);
        Assert.Equal(["pipeline-third-TableHalted"], (await others.AlarmsAsync("pipeline-third-", Cancel)).Metric.Select(alarm => alarm.AlarmName));
        var kept = Assert.Single((await others.AlarmsAsync("pipeline-shop-mine", Cancel)).Metric);
        Assert.Equal("m", kept.MetricName);

        // The dashboard, likewise.
        await ExpectAsync(ExitCode.PlanHasChanges, "dashboard", "show", "-c", config);
        Assert.Contains("which is new", await ExpectAsync(ExitCode.Done, "dashboard", "put", "-c", config), StringComparison.Ordinal);
        await ExpectAsync(ExitCode.Done, "dashboard", "show", "-c", config);
        await others.PutDashboardAsync("pipeline-third", """{"widgets":[]}""", Cancel);
        Assert.Contains("was not made for this pipeline", await ExpectAsync(ExitCode.Failed, "dashboard", "put", "-c", third), StringComparison.Ordinal);

        var verdicts = await check.EndAsync();
        string[] asked = ["DescribeAlarms", "ListTagsForResource", "PutMetricAlarm", "PutCompositeAlarm", "DeleteAlarms", "GetDashboard", "PutDashboard"];
        Assert.Equal(asked.Order(StringComparer.Ordinal), verdicts.Select(verdict => verdict.Operation).Distinct().Order(StringComparer.Ordinal));
        Assert.All(verdicts, verdict => Assert.True(verdict.Request.Count == 0, verdict.ToString()));
    }

    [Fact]
    public async Task Where_the_region_has_queries_an_alarm_of_each_kind_watches_all_tables_those_of_tomorrow_too()
    {
        await using var cloudWatch = new CompositeAlarmServer(await _aws.UrlAsync(Cancel));
        var (check, noCheck) = await AwsWireCheck.TryStartAsync(cloudWatch.Url, Cancel);
        Assert.SkipWhen(check is null, noCheck);
        await using var wire = check;
        string Of(string tables, bool isPromQl) => Write("queried", check.Url, tables, isPromQl ? "alarms { promql = true, page-topics = [\"arn:aws:sns:eu-central-1:123456789012:page\"] }" : "");
        await ExpectAsync(ExitCode.Done, "alarms", "put", "-c", Of("users { topic = users }", isPromQl: false));

        var changed = await NodeRun.OfAsync("alarms", "put", "-o", "json", "-c", Of("users { topic = users }", isPromQl: true));
        Assert.True(changed.ExitCode == ExitCode.Done, changed.Messages);
        Assert.Equal(["pipeline-queried-TableLate-bronze/events/users", "pipeline-queried-TableSilent-bronze/events/users"], Alarms(changed).Where(alarm => alarm.Change == "delete").Select(alarm => alarm.Name));
        // A table more is nothing new: nor would be one that nobody has told the alarms of.
        Assert.Contains("as it should.", await ExpectAsync(ExitCode.Done, "alarms", "show", "-c", Of("users { topic = users }, orders { topic = orders }", isPromQl: true)), StringComparison.Ordinal);

        var verdicts = await check.EndAsync();
        Assert.All(verdicts, verdict => Assert.True(verdict.Request.Count == 0, verdict.ToString()));
    }

    [Fact]
    public async Task Without_CloudWatch_there_are_rules_for_Prometheus_and_a_word_on_what_is_missing()
    {
        var config = Write("shop", null, "users { topic = users }");

        var rules = await NodeRun.OfAsync("alarms", "show", "--rules", "-c", config);
        Assert.Equal(ExitCode.Done, rules.ExitCode);
        Assert.Contains("- alert: TableLate\n", rules.Data, StringComparison.Ordinal);
        Assert.Contains("telemetry.cloudwatch { region = REGION }", await ExpectAsync(ExitCode.Failed, "alarms", "put", "-c", config), StringComparison.Ordinal);
    }

    private static async Task<string> ExpectAsync(int exitCode, params string[] args)
    {
        var run = await NodeRun.OfAsync(args);
        Assert.True(run.ExitCode == exitCode, $"{run.ExitCode}: {run.Messages}{run.Data}");
        return run.Messages;
    }

    private static IReadOnlyList<(string Name, string Change, string Fields)> Alarms(NodeRun run) =>
        [.. run.Rows.Select(alarm => ((string)alarm!["alarm"]!, (string)alarm["change"]!, string.Join(", ", alarm["fields"]!.AsArray())))];

    private string Write(string name, Uri? cloudWatch, string tables, string telemetry = "")
    {
        var path = Path.Combine(_directory, $"{name}.conf");
        File.WriteAllText(path, $$"""
            pipeline {
              name = {{name}}
              lake { location = "{{Path.Combine(_directory, name)}}" }
              telemetry { {{(cloudWatch is null ? "" : $"cloudwatch {{ region = eu-central-1, endpoint = \"{cloudWatch}\" }}{(telemetry.Length > 0 ? ", " : "")}")}}{{telemetry}} }
              sources { events { type = kafka, bootstrap = "127.0.0.1:1", security { protocol = plaintext }, tables { {{tables}} } } }
            }
            """);
        return path;
    }
}
