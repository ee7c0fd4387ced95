using Pipeline.Demo.Data.Tables;

namespace Pipeline.Demo.Data;

/// <summary>
/// The enterprise's eleven source tables, made up: an initial load in tick 0, then new rows, changed rows and events in
/// every tick, with known dirt among them. A pure function of settings and tick; nothing is remembered between ticks.
/// </summary>
internal sealed class DataGenerator
{
    public DataGenerator(GeneratorSettings settings)
    {
        Settings = settings;
        Products = new Products(settings);
        Orders = new Orders(settings, Products);
        Transactions = new Transactions(settings, Orders);
        Users = new Users(settings);
        Subscriptions = new Subscriptions(settings, Users);
        Inventory = new Inventory(settings);
        Sessions = new Sessions(settings, Users);
        UserEvents = new UserEvents(settings, Users, Products);
        OrderEvents = new OrderEvents(settings, Orders);
        InventoryUpdates = new InventoryUpdates(settings, Products);
        SystemMetrics = new SystemMetrics(settings);
    }

    public GeneratorSettings Settings { get; }

    public Products Products { get; }

    public Orders Orders { get; }

    public Transactions Transactions { get; }

    public Users Users { get; }

    public Subscriptions Subscriptions { get; }

    public Inventory Inventory { get; }

    public Sessions Sessions { get; }

    public UserEvents UserEvents { get; }

    public OrderEvents OrderEvents { get; }

    public InventoryUpdates InventoryUpdates { get; }

    public SystemMetrics SystemMetrics { get; }

    public IReadOnlyList<ITopicFeed> Topics => [UserEvents, OrderEvents, InventoryUpdates, SystemMetrics];
}
