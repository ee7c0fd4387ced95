using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Delta.Places;
using Pipeline.Delta.Storage;

namespace Pipeline.Delta.Tests.Places;

/// <summary>Where tables are made, by layer, source and table.</summary>
public sealed class TablePlacesSpec
{
    private const string Locations = """internal { location = "/data/internal/" }, streaming { location = "s3://events-bucket/lake/", s3 { region = eu-west-1, sse = kms, kms-key = "alias/events" } }""";

    private static readonly TableId[] Known = [TableId.Bronze("crm", "orders"), TableId.Bronze("events", "clicks"), TableId.Silver("users"), TableId.Gold("daily")];

    [Theory]
    [InlineData("bronze/crm/orders", "internal")]
    [InlineData("bronze/crm/_dead_letter", "internal")]
    [InlineData("bronze/events/clicks", "streaming")]
    [InlineData("bronze/events/others", "lake")]
    [InlineData("silver/users", "lake")]
    [InlineData("gold/daily", "streaming")]
    [InlineData("gold/_pipeline_control", "lake")]
    public void The_longest_name_that_a_table_has_counts(string table, string location)
    {
        var (places, problems) = Bind(Locations, """bronze = internal, "bronze/events" = lake, "bronze/events/clicks" = streaming, gold = streaming""");

        Assert.Empty(problems);
        Assert.Equal(location, places.Of(TableId.Parse(table))?.Name ?? TablePlaces.Lake);
    }

    [Fact]
    public void A_location_has_an_address_in_one_form_and_a_way_to_its_bucket()
    {
        var (places, _) = Bind(Locations, "");

        Assert.Equal("/data/internal", places.Locations["internal"].Address);
        Assert.Equal("s3://events-bucket/lake", places.Locations["streaming"].Address);
        Assert.Equal(("eu-west-1", S3Encryption.Kms, "alias/events"), (places.Locations["streaming"].S3.Region, places.Locations["streaming"].S3.Encryption, places.Locations["streaming"].S3.KmsKey));
        Assert.Empty(places.InUse);
    }

    [Theory]
    [InlineData("lake { location = \"/data\" }", "", "locations.lake", "is the lake itself")]
    [InlineData("backups {}", "", "locations.backups.location", "is required")]
    [InlineData("backups { location = \"backups\" }", "", "locations.backups.location", "'backups' is neither an absolute directory nor s3://bucket/prefix")]
    [InlineData("backups { location = \"s3://B\" }", "", "locations.backups.location", "it is not the address of a bucket")]
    [InlineData("backups { location = \"/b\", s3 { sse = s3, kms-key = k } }", "", "locations.backups.s3.kms-key", "is used with sse = kms only")]
    [InlineData("backups { location = \"/b\", place = x }", "", "locations.backups.place", "there is no such setting")]
    [InlineData(Locations, "bronze = streamin", "lake.places.bronze", "there is no location 'streamin'. Did you mean 'streaming'?")]
    [InlineData(Locations, "\"bronze/cm\" = streaming", "lake.places.bronze/cm", "is neither a layer nor a source or table of this pipeline")]
    [InlineData(Locations, "\"../x\" = streaming", "lake.places.../x", "is neither a layer nor a source or table of this pipeline")]
    public void What_is_wrong_is_told_with_its_place(string locations, string places, string path, string message)
    {
        var problem = Assert.Single(Bind(locations, places).Problems);

        Assert.Equal(path, problem.Path);
        Assert.Contains(message, problem.Message, StringComparison.Ordinal);
    }

    private static (TablePlaces Places, List<ConfigProblem> Problems) Bind(string locations, string places)
    {
        var problems = new List<ConfigProblem>();
        var settings = new SettingsReader(HoconReader.Read("a.conf", _ => $"locations {{ {locations} }}\nlake.places {{ {places} }}", _ => null), "", problems);
        return (TablePlaces.Bind(settings.Section("locations"), settings.Section("lake").Section("places"), Known), problems);
    }
}
