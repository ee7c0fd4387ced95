using Pipeline.Configuration;
using Pipeline.Demo.Data;

namespace Pipeline.Demo.Tests.Data;

public sealed class ReferenceConfigurationSpec
{
    public static TheoryData<string> AllFiles =>
        [.. ReferenceConfiguration.Files("sources", "*.conf"), .. ReferenceConfiguration.Files("silver", "*.conf"), .. ReferenceConfiguration.Files("gold", "*.conf")];

    [Theory]
    [MemberData(nameof(AllFiles))]
    public void Every_file_can_be_read(string file) => Assert.NotEmpty(ReferenceConfiguration.Read(file).Fields);

    [Fact]
    public void Every_source_table_has_a_contract_with_its_name()
    {
        var problems = new List<ConfigProblem>();
        var tables = ReferenceConfiguration.Files("sources", "*.conf")
            .SelectMany(file => ReferenceConfiguration.Settings(file, problems).Children())
            .SelectMany(source => source.Settings.Section("tables").Children().Select(table => $"{source.Name}/{table.Name}"));

        Assert.Equal(NaiveContract.All.Select(contract => $"{contract.Source}/{contract.Name}").Order(StringComparer.Ordinal), tables.Order(StringComparer.Ordinal));
        Assert.Equal(11, NaiveContract.All.Count);
        Assert.Empty(problems);
    }

    [Fact]
    public void Every_generated_column_is_in_its_contract_and_the_other_way_round()
    {
        var data = new DataGenerator(GeneratedData.Settings());
        Check(data.Products.Name, data.Products.Columns);
        Check(data.Orders.Name, data.Orders.Columns);
        Check(data.Transactions.Name, data.Transactions.Columns);
        Check(data.Users.Name, data.Users.Columns);
        Check(data.Subscriptions.Name, data.Subscriptions.Columns);
        Check(data.Inventory.Name, data.Inventory.Columns);
        Check(data.Sessions.Name, data.Sessions.Columns);

        static void Check<TRow>(string table, IReadOnlyList<Column<TRow>> columns) =>
            Assert.Equal(NaiveContract.All.Single(contract => contract.Name == table).Columns.Select(column => column.Name),
                columns.Select(column => column.Name.ToLowerInvariant()).Append("updated_at"));
    }

    [Fact]
    public void Every_gold_query_is_configured_and_fits_the_contracts()
    {
        using var lake = new NaiveMedallion();
        lake.DeclareSilver();
        var problems = new List<ConfigProblem>();
        var configured = ReferenceConfiguration.Settings("gold/gold.conf", problems).Children().ToDictionary(table => table.Name, table => table.Settings, StringComparer.Ordinal);

        foreach (var (name, sql) in NaiveMedallion.GoldQueriesInOrder())
        {
            lake.Execute($"CREATE TABLE gold.{name} AS {sql}");
            lake.Execute($"SELECT {string.Join(", ", configured[name].Strings("key"))} FROM gold.{name}");
            Assert.Equal($"{name}.sql", configured[name].String("sql"));
        }

        Assert.Equal(11, configured.Count);
        Assert.Empty(problems);
    }

    [Fact]
    public void Every_gold_table_keeps_its_key_unique()
    {
        using var lake = new NaiveMedallion();
        GeneratedData.Fill(lake, new DataGenerator(GeneratedData.Settings()), lastTick: 9);
        lake.Build();

        foreach (var (name, settings) in ReferenceConfiguration.Settings("gold/gold.conf", []).Children())
            Assert.Equal(0, lake.Number($"SELECT count(*) - count(DISTINCT ({string.Join(", ", settings.Strings("key"))})) FROM gold.{name}"));
    }
}
