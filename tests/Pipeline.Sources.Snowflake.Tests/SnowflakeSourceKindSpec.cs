using Pipeline.Configuration;

namespace Pipeline.Sources.Snowflake.Tests;

public sealed class SnowflakeSourceKindSpec
{
    [Fact]
    public void Settings_are_bound_with_their_defaults()
    {
        var (options, problems) = Bind(Minimal());

        Assert.Empty(problems);
        Assert.Equal(new Uri("https://org-account.snowflakecomputing.com"), options.AccountUrl);
        var auth = Assert.IsType<SnowflakeSecurityOptions.OAuth>(options.Security);
        Assert.Equal("session:role:PIPELINE", auth.Scope);
        Assert.Equal(TimeSpan.FromSeconds(30), options.CommitLag);
        Assert.Equal(4, options.ReadersMax);
        var table = Assert.Single(options.Tables);
        Assert.Equal(("customer_orders", "CUSTOMER_ORDERS", "UPDATED_AT"), (table.Name, table.Table, table.Watermark));
    }

    [Fact]
    public void Key_pair_settings_are_bound()
    {
        var settings = Minimal();
        settings["security"] = new Dictionary<string, object> { ["method"] = "key-pair", ["account"] = "ORG-ACCOUNT", ["username"] = "PIPELINE", ["key-pem"] = "secret:file:key.pem" };

        var (options, problems) = Bind(settings);

        Assert.Empty(problems);
        Assert.Equal("ORG-ACCOUNT", Assert.IsType<SnowflakeSecurityOptions.KeyPair>(options.Security).Account);
        Assert.DoesNotContain("key.pem", options.ToString());
    }

    [Theory]
    [InlineData("account-url", "http://org-account.snowflakecomputing.com", "leads to org-account.snowflakecomputing.com in plain text, which whoever is on the way reads and changes. Write https://")]
    [InlineData("poll-interval", "5 parsecs", "is not a duration")]
    [InlineData("readers-max", "0", "too small")]
    [InlineData("warehuose", "X", "there is no such setting. Did you mean 'warehouse'?")]
    public void A_wrong_setting_is_reported_with_its_path(string key, string value, string message)
    {
        var settings = Minimal();
        settings[key] = value;

        var (_, problems) = Bind(settings);

        var problem = Assert.Single(problems);
        Assert.Equal($"sources.crm.{key}", problem.Path);
        Assert.Contains(message, problem.Message);
    }

    [Fact]
    public void All_missing_settings_are_reported_at_once()
    {
        var (_, problems) = Bind(new Dictionary<string, object> { ["type"] = "snowflake" });

        Assert.Superset(
            new HashSet<string> { "sources.crm.account-url", "sources.crm.role", "sources.crm.warehouse", "sources.crm.database", "sources.crm.schema", "sources.crm.tables", "sources.crm.security.method" },
            problems.Select(problem => problem.Path).ToHashSet());
    }

    private static Dictionary<string, object> Minimal() => new()
    {
        ["type"] = "snowflake",
        ["account-url"] = "https://org-account.snowflakecomputing.com",
        ["role"] = "PIPELINE",
        ["warehouse"] = "INGEST_WH",
        ["database"] = "ENTERPRISE",
        ["schema"] = "CRM",
        ["security"] = new Dictionary<string, object> { ["method"] = "oauth", ["token-url"] = "https://idp/token", ["client-id"] = "pipeline", ["client-secret"] = "s" },
        ["tables"] = new Dictionary<string, object>
        {
            ["customer_orders"] = new Dictionary<string, object> { ["table"] = "CUSTOMER_ORDERS", ["watermark"] = "UPDATED_AT", ["key"] = "ORDER_ID" },
        },
    };

    private static (SnowflakeSourceOptions Options, List<ConfigProblem> Problems) Bind(Dictionary<string, object> settings)
    {
        var problems = new List<ConfigProblem>();
        var reader = new SettingsReader((ConfigObject)Value(settings), "sources.crm", problems);
        var definition = (SnowflakeSourceDefinition)new SnowflakeSourceKind().Bind("crm", reader);
        return (definition.Options, problems);
    }

    private static ConfigValue Value(object value) => value is Dictionary<string, object> section
        ? new ConfigObject(section.ToDictionary(field => field.Key, field => Value(field.Value)), default)
        : new ConfigScalar((string)value, default);
}
