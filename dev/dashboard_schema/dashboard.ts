// The dashboards that we make, in the words of @grafana/schema: its types for the dashboard, for each kind of
// panel and for what a panel's fields have of their own. From this a JSON Schema is made that knows no other key.
import type * as grafana from '@grafana/schema/dist/types/raw/dashboard/x/types.gen';
import type { DataQuery } from '@grafana/schema';
import type * as bargauge from '@grafana/schema/dist/types/raw/composable/bargauge/panelcfg/x/types.gen';
import type * as heatmap from '@grafana/schema/dist/types/raw/composable/heatmap/panelcfg/x/types.gen';
import type * as stat from '@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/types.gen';
import type * as statetimeline from '@grafana/schema/dist/types/raw/composable/statetimeline/panelcfg/x/types.gen';
import type * as table from '@grafana/schema/dist/types/raw/composable/table/panelcfg/x/types.gen';
import type * as timeseries from '@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/types.gen';

// Queries belong to the plugin of the data source, and the package has none of Prometheus: these are its keys.
interface PrometheusQuery extends Omit<DataQuery, 'datasource'> {
  datasource?: grafana.DataSourceRef;
  expr: string;
  format?: 'time_series' | 'table' | 'heatmap';
  instant?: boolean;
  interval?: string;
  legendFormat?: string;
  range?: boolean;
}

interface FieldConfig<Custom> extends Omit<grafana.FieldConfig, 'custom'> {
  custom?: Custom;
}

interface Panel<Type, Options, Custom> extends Omit<grafana.Panel, 'type' | 'options' | 'fieldConfig' | 'targets'> {
  type: Type;
  options: Options;
  fieldConfig: Omit<grafana.FieldConfigSource, 'defaults'> & { defaults: FieldConfig<Custom> };
  targets: PrometheusQuery[];
}

type AnyPanel =
  | Panel<'stat', stat.Options, Record<string, never>>
  | Panel<'bargauge', bargauge.Options, Record<string, never>>
  | Panel<'state-timeline', statetimeline.Options, statetimeline.FieldConfig>
  | Panel<'timeseries', timeseries.Options, timeseries.FieldConfig>
  | Panel<'heatmap', heatmap.Options, heatmap.FieldConfig>
  | Panel<'table', table.Options, table.FieldConfig>;

// How an event is named is the plugin's matter too.
interface Annotation extends Omit<grafana.AnnotationQuery, 'target'> {
  target: PrometheusQuery;
  textFormat?: string;
  titleFormat?: string;
}

export interface Dashboard extends Omit<grafana.Dashboard, 'annotations' | 'panels'> {
  annotations: { list: Annotation[] };
  panels: Array<AnyPanel | grafana.RowPanel>;
}
