using System.Numerics;
using Pipeline.Demo.Data.Tables;

namespace Pipeline.Demo.Data;

/// <summary>
/// What the Gold tables must hold once a tick has arrived, from the generator's own formulas: it reads no SQL and no
/// rows. Memory: one bit for each user and day of activity, one bit a customer, one entry for each day and category.
/// </summary>
internal sealed class GoldModel
{
    private readonly DataGenerator _data;
    private readonly int _tick;
    private readonly Dictionary<(DateOnly Day, string Category), (long Lines, decimal Net)> _sales = [];
    private readonly Dictionary<DateOnly, Bits> _activeUsers = [];
    private readonly Dictionary<DateOnly, (decimal Payments, decimal Refunds)> _money = [];
    private readonly Bits _customers = new();
    private DateOnly _firstDay = DateOnly.MaxValue;
    private DateOnly _lastDay = DateOnly.MinValue;
    private long _orders;
    private long _lines;
    private long _units;
    private long _userEvents;
    private long _purchases;
    private decimal _lifetimeValue;
    private decimal _linesNet;

    private GoldModel(DataGenerator data, int tick)
    {
        _data = data;
        _tick = tick;
    }

    /// <param name="silver">Rows of a Silver table, by its name: three Gold tables have as many.</param>
    public static IReadOnlyList<GoldExpectation> Expect(DataGenerator data, int tick, Func<string, long> silver)
    {
        var model = new GoldModel(data, tick);
        model.AddOrders();
        model.AddUserEvents();
        return model.Tables(silver);
    }

    private IReadOnlyList<GoldExpectation> Tables(Func<string, long> silver)
    {
        var calendarDays = _lastDay.DayNumber - _firstDay.DayNumber + 1;
        var soldNet = _sales.Values.Sum(sale => sale.Net);
        var soldLines = _sales.Values.Sum(sale => sale.Lines);
        var activity = _activeUsers.Values.Sum(users => users.Count);
        var (onHand, netChange) = Stock();
        return
        [
            new("dim_customers", _customers.Count, [new("SUM(lifetime_value)", _lifetimeValue), new("SUM(order_count)", _orders)]),
            new("dim_users", silver("users"), []),
            new("dim_products", silver("product_catalog"), [new("SUM(quantity_on_hand)", onHand)]),
            new("dim_date", calendarDays, []),
            new("fact_sales", silver("order_events"),
                [new("SUM(net_amount)", _linesNet), new("SUM(quantity)", _units), new("COUNT(*)", _lines)]),
            new("fact_user_events", silver("user_events"), [new("COUNT(country)", _userEvents)]),
            new("fact_inventory", silver("product_inventory"),
                [new("SUM(quantity_on_hand)", onHand), new("SUM(net_change)", netChange)]),
            new("agg_sales_daily", _sales.Count, [new("SUM(net_amount)", soldNet), new("SUM(line_count)", soldLines)]),
            new("agg_sales_monthly", _sales.Keys.Select(key => (key.Day.Year, key.Day.Month, key.Category)).Distinct().Count(),
                [new("SUM(net_amount)", soldNet)]),
            new("agg_user_activity_daily", activity, [new("SUM(event_count)", _userEvents), new("SUM(purchases)", _purchases)]),
            new("kpi_daily", calendarDays,
            [
                new("SUM(revenue)", soldNet),
                new("SUM(payments)", _money.Where(InCalendar).Sum(day => day.Value.Payments)),
                new("SUM(refunds)", _money.Where(InCalendar).Sum(day => day.Value.Refunds)),
                new("SUM(active_users)", activity),
                new("SUM(alerts)", Alerts()),
            ]),
        ];

        bool InCalendar(KeyValuePair<DateOnly, (decimal, decimal)> day) => day.Key >= _firstDay && day.Key <= _lastDay;
    }

    private void AddOrders()
    {
        for (long order = 1; order <= _data.Orders.Cohort.LastKey(_tick); order++)
        {
            if (!Orders.IsClean(order)) continue;
            var day = _data.Orders.DateOf(order);
            var isCancelled = _data.Orders.StatusAt(order, _tick) == "cancelled";
            See(day);
            _orders++;
            _customers.Set(_data.Orders.CustomerOf(order));
            if (!isCancelled) _lifetimeValue += _data.Orders.TotalOf(order);
            AddLines(order, day, isCancelled);
            AddMoney(order);
        }
    }

    private void AddLines(long order, DateOnly day, bool isCancelled)
    {
        foreach (var line in _data.Orders.LinesOf(order))
        {
            var net = line.Net(line.Quantity);
            _lines++;
            _units += line.Quantity;
            _linesNet += net;
            if (isCancelled) continue;
            var key = (day, _data.Products.CategoryOf(line.ProductId));
            var (lines, sum) = _sales.GetValueOrDefault(key);
            _sales[key] = (lines + 1, sum + net);
        }
    }

    private void AddMoney(long order)
    {
        var settled = _data.Transactions.SettledAt(order, _tick);
        Add(_data.Orders.DateOf(order), settled.Payment, 0m);
        if (settled.Refund > 0) Add(_data.Transactions.RefundDateOf(order), 0m, settled.Refund);

        void Add(DateOnly day, decimal payment, decimal refund)
        {
            var (payments, refunds) = _money.GetValueOrDefault(day);
            _money[day] = (payments + payment, refunds + refund);
        }
    }

    private void AddUserEvents()
    {
        for (long key = 1; key <= _data.UserEvents.LastKey(_tick); key++)
        {
            if (!UserEvents.IsClean(key)) continue;
            var (user, type, at, _) = _data.UserEvents.FactsOf(key);
            var day = DateOnly.FromDateTime(at.UtcDateTime);
            See(day);
            _userEvents++;
            if (type == "purchase") _purchases++;
            if (!_activeUsers.TryGetValue(day, out var users)) _activeUsers[day] = users = new Bits();
            users.Set(user);
        }
    }

    private (long OnHand, long NetChange) Stock()
    {
        long onHand = 0, netChange = 0;
        for (long key = 1; key <= _data.Inventory.Count; key++)
            if (Inventory.IsClean(key)) onHand += _data.Inventory.QuantityAt(key, _tick);
        for (long key = 1; key <= _data.InventoryUpdates.LastKey(_tick); key++)
        {
            if (!InventoryUpdates.IsClean(key)) continue;
            var (warehouse, product, change) = _data.InventoryUpdates.FactsOf(key);
            // Movements of a position that is in quarantine are in Silver, but no row of fact_inventory shows them.
            if (Inventory.IsClean(Inventory.KeyOf(warehouse, product))) netChange += change;
        }

        return (onHand, netChange);
    }

    private long Alerts()
    {
        long alerts = 0;
        for (long key = 1; key <= _data.SystemMetrics.LastKey(_tick); key++)
            if (SystemMetrics.IsClean(key) && _data.SystemMetrics.IsAlert(key) && _data.SystemMetrics.DateOf(key) <= _lastDay) alerts++;
        return alerts;
    }

    private void See(DateOnly day)
    {
        if (day < _firstDay) _firstDay = day;
        if (day > _lastDay) _lastDay = day;
    }

    /// <summary>A growing set of small numbers, one bit each.</summary>
    private sealed class Bits
    {
        private ulong[] _words = new ulong[64];

        public long Count => _words.Sum(word => (long)BitOperations.PopCount(word));

        public void Set(long number)
        {
            var word = (int)(number >> 6);
            if (word >= _words.Length) Array.Resize(ref _words, Math.Max(word + 1, _words.Length * 2));
            _words[word] |= 1UL << (int)(number & 63);
        }
    }
}
