using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Transform.Engines.Emr;

namespace Pipeline.Transform.Tests.Engines.Emr;

public sealed class EmrStepOptionsSpec
{
    private const string Whole = """
        emr {
          region = us-gov-west-1, endpoint = "https://vpce-1.example.com", fips = true, cluster-id = j-2AXXXXXXGAPLF
          execution-role = "arn:aws-us-gov:iam::123456789012:role/jobs"
          execution-roles { "gold/sales" = "arn:aws-us-gov:iam::123456789012:role/sales" }
          log-uri = "s3://logs/emr", job-time-max = 2h, dialect = duckdb, poll-interval = 500ms
        }
        """;

    [Fact]
    public void Every_setting_is_read()
    {
        var (options, problems) = Read(Whole);

        Assert.Empty(problems);
        Assert.Equal(("us-gov-west-1", "https://vpce-1.example.com/", true), (options!.Aws.Region, options.Aws.Endpoint!.ToString(), options.Aws.UseFips));
        Assert.Equal(("j-2AXXXXXXGAPLF", "s3://logs/emr/", TimeSpan.FromHours(2), EngineDialect.Duckdb, TimeSpan.FromMilliseconds(500)), (options.ClusterId, options.LogUri, options.JobTimeMax, options.Dialect, options.PollInterval));
        Assert.Equal(("arn:aws-us-gov:iam::123456789012:role/sales", "arn:aws-us-gov:iam::123456789012:role/jobs"), (options.RoleOf(TableId.Gold("sales")), options.RoleOf(TableId.Gold("other"))));
    }

    [Fact]
    public void What_has_a_default_may_be_left_out()
    {
        var (options, problems) = Read("emr { region = eu-central-1, cluster-id = j-1 }");

        Assert.Empty(problems);
        Assert.Equal((null, null, TimeSpan.FromHours(12), EngineDialect.Spark), (options!.RoleOf(TableId.Gold("sales")), options.LogUri, options.JobTimeMax, options.Dialect));
    }

    [Fact]
    public void Without_the_section_there_is_no_such_engine() => Assert.Null(Read("").Options);

    [Theory]
    [InlineData("region = us-gov-west-1, ", "", "emr.region")]
    [InlineData("cluster-id = j-2AXXXXXXGAPLF", "", "emr.cluster-id")]
    [InlineData("arn:aws-us-gov:iam::123456789012:role/jobs", "jobs", "emr.execution-role")]
    [InlineData("arn:aws-us-gov:iam::123456789012:role/sales", "sales", "emr.execution-roles.gold/sales")]
    [InlineData("gold/sales", "sales", "emr.execution-roles.sales")]
    [InlineData("https://vpce-1.example.com", "vpce-1", "emr.endpoint")]
    [InlineData("job-time-max = 2h", "job-time-max = 1m", "emr.job-time-max")]
    [InlineData(", dialect = duckdb", "", "emr.poll-interval")]
    [InlineData("log-uri", "logs", "emr.logs")]
    public void What_is_wrong_is_told_with_its_place(string right, string wrong, string place) =>
        Assert.Equal(place, Assert.Single(Read(Whole.Replace(right, wrong, StringComparison.Ordinal)).Problems).Path);

    private static (EmrStepOptions? Options, List<ConfigProblem> Problems) Read(string text)
    {
        var problems = new List<ConfigProblem>();
        return (EmrStepOptions.Bind(new SettingsReader(HoconReader.Read("a.conf", _ => text, _ => null), "", problems)), problems);
    }
}
