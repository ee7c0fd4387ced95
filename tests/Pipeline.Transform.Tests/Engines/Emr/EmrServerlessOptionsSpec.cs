using Pipeline.Configuration;
using Pipeline.Transform.Engines.Emr;

namespace Pipeline.Transform.Tests.Engines.Emr;

public sealed class EmrServerlessOptionsSpec
{
    private const string Whole = """
        emr-serverless {
          region = us-gov-west-1, endpoint = "https://vpce-1.example.com", fips = true
          application-id = 00f5abc, execution-role = "arn:aws-us-gov:iam::123456789012:role/jobs"
          log-uri = "s3://logs/emr", job-time-max = 2h, dialect = duckdb
          prices { vcpu-hour = 0.0526, gb-hour = 0.0057, storage-gb-hour = 0.000111 }
        }
        """;

    [Fact]
    public void Every_setting_is_read()
    {
        var (options, problems) = Read(Whole);

        Assert.Empty(problems);
        Assert.Equal(("us-gov-west-1", "https://vpce-1.example.com/", true), (options!.Aws.Region, options.Aws.Endpoint!.ToString(), options.Aws.UseFips));
        Assert.Equal(("00f5abc", "arn:aws-us-gov:iam::123456789012:role/jobs", "s3://logs/emr/"), (options.ApplicationId, options.ExecutionRole, options.LogUri));
        Assert.Equal((TimeSpan.FromHours(2), EngineDialect.Duckdb, new EmrServerlessPrices(0.0526m, 0.0057m, 0.000111m)), (options.JobTimeMax, options.Dialect, options.Prices));
    }

    [Fact]
    public void Without_the_section_there_is_no_such_engine() => Assert.Null(Read("").Options);

    [Theory]
    [InlineData("region = us-gov-west-1, ", "", "emr-serverless.region")]
    [InlineData("arn:aws-us-gov:iam::123456789012:role/jobs", "jobs", "emr-serverless.execution-role")]
    [InlineData("https://vpce-1.example.com", "vpce-1", "emr-serverless.endpoint")]
    [InlineData("job-time-max = 2h", "job-time-max = 1m", "emr-serverless.job-time-max")]
    [InlineData("0.0526", "cheap", "emr-serverless.prices.vcpu-hour")]
    [InlineData("log-uri", "logs", "emr-serverless.logs")]
    public void What_is_wrong_is_told_with_its_place(string right, string wrong, string place) =>
        Assert.Equal(place, Assert.Single(Read(Whole.Replace(right, wrong, StringComparison.Ordinal)).Problems).Path);

    [Fact]
    public void Only_an_emulation_is_asked_more_often_than_every_ten_seconds()
    {
        var emulation = Whole.Replace("dialect = duckdb", "dialect = duckdb, poll-interval = 1s", StringComparison.Ordinal);

        Assert.Equal(TimeSpan.FromSeconds(1), Read(emulation).Options!.PollInterval);
        Assert.Equal("emr-serverless.poll-interval", Assert.Single(Read(emulation.Replace("dialect = duckdb, ", "", StringComparison.Ordinal)).Problems).Path);
        Assert.Equal(TimeSpan.FromSeconds(10), Read(Whole).Options!.PollInterval);
    }

    private static (EmrServerlessOptions? Options, List<ConfigProblem> Problems) Read(string text)
    {
        var problems = new List<ConfigProblem>();
        return (EmrServerlessOptions.Bind(new SettingsReader(HoconReader.Read("a.conf", _ => text, _ => null), "", problems)), problems);
    }
}
