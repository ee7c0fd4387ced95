using Pipeline.Configuration;
using Pipeline.Delta.Parquet;

namespace Pipeline.Transform.Tests;

public sealed class TransformOptionsSpec
{
    [Fact]
    public void Settings_of_Spark_are_passed_through_by_their_whole_names_over_what_is_set_else()
    {
        var (options, problems) = Bind("""
            compression = zstd
            spark {
              "spark.sql.shuffle.partitions" = 1000
              spark.executor { memory = 8g, memoryOverhead = 2g }
              "spark.dynamicAllocation.enabled" = ""
            }
            """);

        Assert.Empty(problems);
        var arguments = options.Spark.Arguments.ToList();
        Assert.Equal(["--conf", "spark.executor.memory=8g", "--conf", "spark.executor.memoryOverhead=2g"], arguments[..4]);
        Assert.Contains("spark.sql.parquet.compression.codec=zstd", arguments);
        Assert.Contains("spark.sql.shuffle.partitions=1000", arguments);
        Assert.Contains("spark.sql.adaptive.enabled=true", arguments);
        Assert.DoesNotContain(arguments, argument => argument.StartsWith("spark.dynamicAllocation", StringComparison.Ordinal));
        Assert.Contains("spark.sql.parquet.compression.codec=snappy", Bind("").Options.Spark.Arguments);
    }

    [Fact]
    public void Spark_compresses_a_table_as_is_said_of_it_unless_its_own_settings_say_how()
    {
        const string Codecs = "spark.sql.parquet.compression.codec";
        var (own, given) = (Bind("compression = zstd").Options.Spark, Bind($"spark {{ \"{Codecs}\" = gzip }}").Options.Spark);
        var taken = Bind($"spark {{ \"{Codecs}\" = \"\" }}").Options.Spark;

        Assert.Equal("snappy", own.Of(Codec.Snappy).Conf[Codecs]);
        Assert.Equal(("zstd", "9"), (own.Of(new FileCompression(Codec.Zstd, 9)).Conf[Codecs], own.Of(new FileCompression(Codec.Zstd, 9)).Conf["spark.hadoop.parquet.compression.codec.zstd.level"]));
        Assert.Equal("gzip", given.Of(Codec.Zstd).Conf[Codecs]);
        Assert.DoesNotContain(Codecs, taken.Of(Codec.Zstd).Conf.Keys);
    }

    [Theory]
    [InlineData("spark { sql.shuffle.partitions = 100 }", "spark.sql.shuffle.partitions", "is no setting of Spark")]
    [InlineData("spark { \"spark.hadoop.fs.s3a.secret.key\" = x }", "spark.spark.hadoop.fs.s3a.secret.key", "looks like a secret")]
    [InlineData("engine = emr", "engine", "names emr, and transform.emr { ... } is not there")]
    [InlineData("artifact-retention = 1d", "artifact-retention", "is less than the 24.5 h in which a run of the longest job-time-max is over and committed")]
    [InlineData("engine = spark", "engine", "Allowed: auto, duckdb, emr, emr-serverless")]
    public void What_cannot_be_passed_to_Spark_or_has_no_engine_is_told_with_its_place(string text, string path, string message)
    {
        var problem = Assert.Single(Bind($"\n{text}").Problems);

        Assert.Equal((2, path), (problem.Location.Line, problem.Path));
        Assert.Contains(message, problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_set_for_Spark_stands_in_the_documentation_with_what_it_is_for()
    {
        var page = File.ReadAllText(Path.Combine(Path.GetDirectoryName(Here())!, "..", "..", "docs", "operations.md"));

        Assert.All(SparkSettings.Defaults, setting => Assert.Contains($"| `{setting.Name}` | `{setting.Value}` | {setting.For} |", page, StringComparison.Ordinal));
    }

    private static string Here([System.Runtime.CompilerServices.CallerFilePath] string path = "") => path;

    private static (TransformOptions Options, List<ConfigProblem> Problems) Bind(string text)
    {
        var problems = new List<ConfigProblem>();
        return (TransformOptions.Bind(new SettingsReader(HoconReader.Read("a.conf", _ => text, _ => null), "", problems)), problems);
    }

    [Theory]
    [InlineData("interval-min", "367d")]
    [InlineData("interval-min", "10000000d")]
    [InlineData("lag-max", "367d")]
    [InlineData("lag-max", "10000000d")]
    [InlineData("poll-interval", "2h")]
    [InlineData("job-time-max", "25h")]
    [InlineData("job-time-max", "0s")]
    public void A_time_that_no_date_could_be_reckoned_with_is_told_with_its_line(string setting, string value)
    {
        var problems = new List<ConfigProblem>();

        TransformOptions.Bind(new SettingsReader(HoconReader.Read("a.conf", _ => $"\n{setting} = {value}", _ => null), "", problems));

        Assert.Equal(("a.conf", 2, setting), (Assert.Single(problems).Location.File, problems[0].Location.Line, problems[0].Path));
    }
}
