using Pipeline.Core;

namespace Pipeline.Configuration.Tests;

public sealed class SourceUrlSpec
{
    private const string AtBehindOptions = "an @ stands behind a ? that may begin its options (write an @ of an option or password as %40, and a ? of a password as %3F)";

    [Theory]
    [InlineData("postgres://reader@db/shop", "postgres", "db", null, "reader", null, "shop", "")]
    [InlineData("POSTGRES://reader:p%40ss%2Fw@db.example:5433/shop?tls=disable", "postgres", "db.example", 5433, "reader", "p@ss/w", "shop", "tls=disable")]
    [InlineData("postgres://reader:12?geh@db/shop?tls=disable", "postgres", "db", null, "reader", "12?geh", "shop", "tls=disable")]
    [InlineData("postgres://reader:p/a:s@s@db/shop", "postgres", "db", null, "reader", "p/a:s@s", "shop", "")]
    [InlineData("kafka://broker:9093", "kafka", "broker", 9093, null, null, "", "")]
    [InlineData("kafka://a:1,b:2", "kafka", "a", 1, null, null, "", "")]
    [InlineData("postgres://u@[::1]:5432/x", "postgres", "::1", 5432, "u", null, "x", "")]
    [InlineData("postgres://u@[fe80::2]/x", "postgres", "fe80::2", null, "u", null, "x", "")]
    [InlineData("snowflake://account/DB?role=A%20B&w=1", "snowflake", "account", null, null, null, "DB", "role=A B;w=1")]
    public void Its_parts_are_as_they_are_written(string text, string scheme, string host, int? port, string? user, string? password, string path, string options)
    {
        var url = SourceUrl.Parse(text);

        Assert.Equal((scheme, (host, port), user, password), (url.Scheme, url.Hosts[0], url.Username, url.Password?.Reference));
        Assert.Equal((path, options), (string.Join('/', url.Path), string.Join(';', url.Options.Select(option => $"{option.Key}={option.Value}"))));
        if (password is not null) Assert.DoesNotContain(password, $"{url} {url.Thing}", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("db/shop", "it has no scheme")]
    [InlineData("://db", "it has no scheme")]
    [InlineData("postgres://u:geheim@/shop", "it names no host")]
    [InlineData("postgres://u:geheim@db:0/shop", "0 is not a port")]
    [InlineData("postgres://u:geheim@db:x/shop", "0 is not a port")]
    [InlineData("kafka://a:1,,b:2", "it names no host")]
    [InlineData("postgres://u:geheim@db/shop?role=a@b", AtBehindOptions)]
    [InlineData("snowflake://account/DB?role=a@b", AtBehindOptions)]
    public void What_is_none_is_refused_without_its_password(string text, string cause)
    {
        var fault = Assert.Throws<PipelineException>(() => SourceUrl.Parse(text));

        Assert.Equal(cause, fault.Cause);
        Assert.DoesNotContain("geheim", fault.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("kafka://localhost:1,127.0.0.1:2,[::1]:3", true)]
    [InlineData("kafka://localhost:1,broker:2", false)]
    [InlineData("kafka://127.0.0.1.example:2", false)]
    [InlineData("kafka://0.0.0.0:2", false)]
    public void This_machine_is_known_by_its_names(string text, bool isLoopback) => Assert.Equal(isLoopback, SourceUrl.Parse(text).IsLoopback);

    [Fact]
    public void An_option_that_there_is_not_is_told_with_the_nearest()
    {
        var fault = Assert.Throws<PipelineException>(() => SourceUrl.Parse("postgres://u:geheim@db/shop?tsl=disable").AllowOptions("tls", "key"));

        Assert.Equal("URL postgres://u@db/shop", fault.Thing);
        Assert.Contains("'tsl'", fault.Cause, StringComparison.Ordinal);
        Assert.Contains("Did you mean 'tls'?", fault.NextStep, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("postgres://db/shop?u:geheim")]
    [InlineData("postgres://db/shop?geheim%40db")]
    public void An_option_that_may_be_a_piece_of_a_password_is_not_quoted(string text)
    {
        var fault = Assert.Throws<PipelineException>(() => SourceUrl.Parse(text).AllowOptions("tls"));

        Assert.DoesNotContain("geheim", fault.ToString(), StringComparison.Ordinal);
        Assert.Contains("Allowed: tls.", fault.NextStep, StringComparison.Ordinal);
    }
}
