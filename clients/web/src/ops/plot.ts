/** uPlot with its styles, loaded only where charts are shown. */
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

export default uPlot;
